import { useState } from "react";
import { type Limit, useKeys, useProjects } from "@/api/all";
import { patch, post } from "@/api/client";
import { useAsked, useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { Field } from "@/parts/field";
import { FormDialog } from "@/parts/form-dialog";
import { Pick } from "@/parts/pick";
import { isCeiling } from "@/pure/keys";
import { keyOptions, projectOptions } from "@/pure/registered";

const KINDS = ["global", "project", "key", "provider", "model", "tool_client"] as const;
const MEASURES = [
  "cost",
  "calls",
  "total_tokens",
  "input_tokens",
  "output_tokens",
  "concurrent_calls",
] as const;
const WINDOWS = ["minute", "hour", "day", "week", "month", "total"] as const;
const ACTIONS = ["refuse", "warn", "shadow"] as const;
const TOUCHED = ["/admin/limits"];
const NAMES_MAX = 1000;

type Kind = (typeof KINDS)[number];

/** Whose limit it is going to be, where that is known. */
interface Of {
  readonly kind: "key" | "project";
  readonly id: string;
  readonly name: string;
}

export function NewLimit({ of, close }: { of?: Of; close: () => void }) {
  const words = useWords();
  const saying = words.limits;
  const [kind, setKind] = useState<Kind>(of?.kind ?? "global");
  const [id, setId] = useState(of?.id ?? "");
  const [tool, setTool] = useState("");
  const [client, setClient] = useState("");
  const [measure, setMeasure] = useState<(typeof MEASURES)[number]>("cost");
  const [window, setWindow] = useState<(typeof WINDOWS)[number]>("month");
  const [amount, setAmount] = useState("");
  const [action, setAction] = useState<Limit["action"]>("refuse");
  const [isSliding, setSliding] = useState(false);
  const [zone, setZone] = useState("UTC");
  const [name, setName] = useState("");
  const isTotal = measure === "concurrent_calls";
  const make = useChange(
    () =>
      post("/admin/limits", {
        body: {
          scope: {
            kind,
            ...(kind === "tool_client"
              ? { tool: tool.trim() || null, client: client.trim() || null }
              : kind === "global"
                ? {}
                : { id: id.trim() || null }),
          },
          measure,
          window: isTotal ? "total" : window,
          amount: measure === "cost" ? amount : Number(amount),
          action,
          sliding: !isTotal && window !== "total" && isSliding,
          zone: zone.trim(),
          name: name.trim() || null,
        },
      }),
    TOUCHED,
  );
  return (
    <FormDialog
      title={of === undefined ? saying.add : `${saying.add}: ${of.name}`}
      yes={words.app.save}
      isBusy={make.isPending}
      error={make.error}
      send={() => make.mutate(undefined, { onSuccess: close })}
      isGood={isCeiling(amount, measure)}
      close={close}
    >
      {of === undefined && (
        <Scope
          kind={kind}
          setKind={(one) => {
            setKind(one);
            setId("");
          }}
          id={id}
          setId={setId}
          tool={tool}
          setTool={setTool}
          client={client}
          setClient={setClient}
        />
      )}
      <Field label={saying.form.measure}>
        <select value={measure} onChange={(event) => setMeasure(event.target.value as typeof measure)}>
          {MEASURES.map((one) => (
            <option key={one} value={one}>
              {saying.measures[one]}
            </option>
          ))}
        </select>
      </Field>
      {!isTotal && (
        <Field label={saying.form.window}>
          <select value={window} onChange={(event) => setWindow(event.target.value as typeof window)}>
            {WINDOWS.map((one) => (
              <option key={one} value={one}>
                {saying.windows[one]}
              </option>
            ))}
          </select>
        </Field>
      )}
      <Amount amount={amount} measure={measure} set={setAmount} />
      <Action action={action} set={setAction} />
      {!isTotal && window !== "total" && (
        <>
          <label className="row">
            <input
              type="checkbox"
              checked={isSliding}
              onChange={(event) => setSliding(event.target.checked)}
            />
            {saying.form.sliding}
          </label>
          {!isSliding && (
            <Field label={saying.form.zone}>
              <input required value={zone} onChange={(event) => setZone(event.target.value)} />
            </Field>
          )}
        </>
      )}
      <Field label={saying.form.name}>
        <input maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
    </FormDialog>
  );
}

export function ChangeLimit({ of, title, close }: { of: Limit; title: string; close: () => void }) {
  const words = useWords();
  const saying = words.limits;
  const [amount, setAmount] = useState(String(of.amount));
  const [action, setAction] = useState(of.action);
  const [name, setName] = useState(of.name ?? "");
  const change = useChange(
    () =>
      patch("/admin/limits/{id}", {
        path: { id: of.id },
        body: { amount: of.measure === "cost" ? amount : Number(amount), action, name: name.trim() || null },
      }),
    TOUCHED,
  );
  return (
    <FormDialog
      title={`${saying.edit}: ${title}`}
      yes={words.app.save}
      isBusy={change.isPending}
      error={change.error}
      send={() => change.mutate(undefined, { onSuccess: close })}
      isGood={isCeiling(amount, of.measure)}
      close={close}
    >
      <Amount amount={amount} measure={of.measure} set={setAmount} />
      <Action action={action} set={setAction} />
      <Field label={saying.form.name}>
        <input maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
    </FormDialog>
  );
}

interface ScopeProps {
  readonly kind: Kind;
  readonly setKind: (kind: Kind) => void;
  readonly id: string;
  readonly setId: (id: string) => void;
  readonly tool: string;
  readonly setTool: (tool: string) => void;
  readonly client: string;
  readonly setClient: (client: string) => void;
}

/** Whose calls are counted. */
function Scope({ kind, setKind, id, setId, tool, setTool, client, setClient }: ScopeProps) {
  const { limits: saying } = useWords();
  return (
    <>
      <Field label={saying.form.scope}>
        <select value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
          {KINDS.map((one) => (
            <option key={one} value={one}>
              {saying.kinds[one]}
            </option>
          ))}
        </select>
      </Field>
      {kind === "tool_client" ? (
        <>
          <Field label={saying.form.tool}>
            <Named dimension="tool" value={tool} set={setTool} />
          </Field>
          <Field label={saying.form.client}>
            <Named dimension="client" value={client} set={setClient} />
          </Field>
        </>
      ) : (
        kind !== "global" && <Which kind={kind} id={id} set={setId} />
      )}
    </>
  );
}

/** One of a kind, or each of them alone. */
function Which({
  kind,
  id,
  set,
}: {
  kind: Exclude<Kind, "global" | "tool_client">;
  id: string;
  set: (id: string) => void;
}) {
  const { limits: saying } = useWords();
  const projects = useProjects().data?.rows ?? [];
  const keys = useKeys().data?.rows ?? [];
  if (kind === "provider" || kind === "model") {
    return (
      <Field label={saying.form[kind]}>
        <Named dimension={kind} value={id} set={set} />
      </Field>
    );
  }
  const some =
    kind === "project"
      ? projectOptions(projects.filter(({ is_active }) => is_active))
      : keyOptions(keys.filter(({ state }) => state === "active"));
  return (
    <Field label={saying.form.which}>
      <Pick options={[{ value: "", text: saying.form.each }, ...some]} value={id} pick={set} />
    </Field>
  );
}

/** A text; what calls had lately is offered. */
function Named({
  dimension,
  value,
  set,
  ...rest
}: {
  dimension: "provider" | "model" | "tool" | "client";
  value: string;
  set: (value: string) => void;
}) {
  const names = useAsked("/admin/usage/names", { query: { dimension, limit: NAMES_MAX } });
  const options = (names.data?.names ?? []).map((one) => ({ value: one.value, text: one.value }));
  return <Pick {...rest} isFree options={options} value={value} pick={set} />;
}

function Amount({
  amount,
  measure,
  set,
}: {
  amount: string;
  measure: Limit["measure"];
  set: (amount: string) => void;
}) {
  const { form } = useWords().limits;
  const hint = measure === "cost" ? form.usd : form.count;
  const isWrong = amount !== "" && !isCeiling(amount, measure);
  return (
    <Field label={form.amount} hint={isWrong ? undefined : hint} error={isWrong ? hint : undefined}>
      <input
        required
        inputMode="decimal"
        value={amount}
        onChange={(event) => set(event.target.value.trim())}
      />
    </Field>
  );
}

function Action({ action, set }: { action: Limit["action"]; set: (action: Limit["action"]) => void }) {
  const { limits: saying } = useWords();
  return (
    <Field label={saying.form.action}>
      <select value={action} onChange={(event) => set(event.target.value as Limit["action"])}>
        {ACTIONS.map((one) => (
          <option key={one} value={one}>
            {saying[one]}
          </option>
        ))}
      </select>
    </Field>
  );
}
