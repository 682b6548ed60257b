import { type FormEvent, useState } from "react";
import type { Project } from "@/api/all";
import { post, type Sent } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { Button } from "@/parts/button";
import { Dialog } from "@/parts/dialog";
import { Field } from "@/parts/field";
import { said } from "@/parts/states";
import { isAmount, isCount, listOf } from "@/pure/keys";
import { Issued } from "./issued";

const LIVES = ["never", "24", "168", "720", "2160", "8760"] as const;
type KeySent = Sent<"/admin/keys", "post">;

/** Makes a key, and shows it once. */
export function NewKey({ projects, close }: { projects: readonly Project[]; close: () => void }) {
  const words = useWords();
  const saying = words.keys.form;
  const [name, setName] = useState("");
  const [project, setProject] = useState("");
  const [life, setLife] = useState<(typeof LIVES)[number]>("720");
  const [models, setModels] = useState("");
  const [providers, setProviders] = useState("");
  const [endpoints, setEndpoints] = useState("");
  const [budget, setBudget] = useState("");
  const [calls, setCalls] = useState("");
  const make = useChange((body: KeySent) => post("/admin/keys", { body }), ["/admin/keys", "/admin/limits"]);
  if (make.data !== undefined) return <Issued secret={make.data.key} close={close} />;

  const isBudget = budget === "" || isAmount(budget);
  const isCalls = calls === "" || isCount(calls);
  const usual = { action: "refuse" as const, sliding: false, zone: "UTC" };
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!isBudget || !isCalls) return;
    make.mutate({
      name: name.trim(),
      project_id: project || null,
      ...(life === "never" ? {} : { duration_hours: Number(life) }),
      allowed_models: listOf(models),
      allowed_providers: listOf(providers),
      allowed_endpoints: listOf(endpoints),
      tags: {},
      limits: [
        ...(budget === ""
          ? []
          : [{ ...usual, measure: "cost" as const, window: "month" as const, amount: budget }]),
        ...(calls === ""
          ? []
          : [{ ...usual, measure: "calls" as const, window: "hour" as const, amount: Number(calls) }]),
      ],
    });
  };
  return (
    <Dialog title={saying.title} close={close}>
      <form className="stack" onSubmit={send}>
        <Field label={saying.name} hint={saying.nameHint}>
          <input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Field label={saying.project}>
          <select value={project} onChange={(event) => setProject(event.target.value)}>
            <option value="">{words.keys.noProject}</option>
            {projects
              .filter(({ is_active }) => is_active)
              .map(({ id, name: called }) => (
                <option key={id} value={id}>
                  {called}
                </option>
              ))}
          </select>
        </Field>
        <Field label={saying.expires}>
          <select value={life} onChange={(event) => setLife(event.target.value as typeof life)}>
            {LIVES.map((one) => (
              <option key={one} value={one}>
                {saying.in[one]}
              </option>
            ))}
          </select>
        </Field>
        <Field label={saying.budget} hint={saying.budgetHint} error={isBudget ? undefined : saying.badBudget}>
          <input
            inputMode="decimal"
            value={budget}
            onChange={(event) => setBudget(event.target.value.trim())}
          />
        </Field>
        <Field label={saying.callsPerHour} error={isCalls ? undefined : saying.badCalls}>
          <input
            inputMode="numeric"
            value={calls}
            onChange={(event) => setCalls(event.target.value.trim())}
          />
        </Field>
        <Field label={saying.models} hint={saying.globs}>
          <input value={models} onChange={(event) => setModels(event.target.value)} />
        </Field>
        <Field label={saying.providers} hint={saying.globs}>
          <input value={providers} onChange={(event) => setProviders(event.target.value)} />
        </Field>
        <Field label={saying.endpoints} hint={saying.pathHint}>
          <input value={endpoints} onChange={(event) => setEndpoints(event.target.value)} />
        </Field>
        {make.error && (
          <p role="alert" className="bad">
            {said(make.error, words)}
          </p>
        )}
        <div className="row">
          <Button type="submit" kind="main" isBusy={make.isPending}>
            {words.keys.create}
          </Button>
          <Button onClick={close}>{words.app.cancel}</Button>
        </div>
      </form>
    </Dialog>
  );
}
