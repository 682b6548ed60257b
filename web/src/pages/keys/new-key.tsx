import { useState } from "react";
import type { Project } from "@/api/all";
import { post, type Sent } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { Field } from "@/parts/field";
import { FormDialog } from "@/parts/form-dialog";
import { Pick } from "@/parts/pick";
import { isAmount, isCount } from "@/pure/keys";
import { projectOptions } from "@/pure/registered";
import { Issued } from "./issued";
import { RestrictionFields, useRestrictions } from "./restrictions";

const LIVES = ["never", "24", "168", "720", "2160", "8760"] as const;
type KeySent = Sent<"/admin/keys", "post">;

interface Props {
  readonly projects: readonly Project[];
  /** The project that is looked at. */
  readonly of?: string;
  readonly close: () => void;
}

/** Makes a key, and shows it once. */
export function NewKey({ projects, of = "", close }: Props) {
  const words = useWords();
  const saying = words.keys.form;
  const active = projects.filter(({ is_active }) => is_active);
  const [name, setName] = useState("");
  const [project, setProject] = useState(active.some(({ id }) => id === of) ? of : "");
  const [life, setLife] = useState<(typeof LIVES)[number]>("720");
  const [budget, setBudget] = useState("");
  const [calls, setCalls] = useState("");
  const restrictions = useRestrictions();
  const make = useChange((body: KeySent) => post("/admin/keys", { body }), ["/admin/keys", "/admin/limits"]);
  if (make.data !== undefined) return <Issued secret={make.data.key} name={make.data.name} close={close} />;

  const isBudget = budget === "" || isAmount(budget);
  const isCalls = calls === "" || isCount(calls);
  const usual = { action: "refuse" as const, sliding: false, zone: "UTC" };
  const send = () => {
    make.mutate({
      name: name.trim(),
      project_id: project || null,
      ...(life === "never" ? {} : { duration_hours: Number(life) }),
      ...restrictions.sent,
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
    <FormDialog
      title={saying.title}
      yes={words.keys.create}
      isBusy={make.isPending}
      isGood={isBudget && isCalls}
      error={make.error}
      send={send}
      close={close}
    >
      <Field label={saying.name} hint={saying.nameHint}>
        <input
          required
          autoFocus
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </Field>
      <Field label={saying.project}>
        <Pick
          options={[{ value: "", text: words.keys.noProject }, ...projectOptions(active)]}
          value={project}
          pick={setProject}
        />
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
        <input inputMode="numeric" value={calls} onChange={(event) => setCalls(event.target.value.trim())} />
      </Field>
      <RestrictionFields {...restrictions} />
    </FormDialog>
  );
}
