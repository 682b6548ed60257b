/** The filters of calls: chips that a click takes away, and a way to one more, written or chosen. */

import { type FormEvent, type ReactNode, useDeferredValue, useId, useState } from "react";
import { useAsked } from "@/api/hooks";
import { type NameOf, useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useUrl } from "@/app/view";
import { Button } from "@/parts/button";
import {
  CALL_FILTERS,
  type CallFilterName,
  type CallFilters,
  callFiltersOf,
  changeOf,
  cleared,
  statusRange,
  statusSaid,
} from "@/pure/call-filters";
import { DIMENSIONS, type Dimension } from "@/pure/filters";
import type { Words } from "@/words/words";

/** What there is a list of. */
const OFFERED = ["provider", "model", "tool", "client", "account"] as const;

interface Props {
  readonly names?: readonly CallFilterName[];
  /** What stands beside the filters. */
  readonly children?: ReactNode;
}

export function CallFilterBar({ names = CALL_FILTERS, children }: Props) {
  const words = useWords();
  const nameOf = useNames();
  const [search, change] = useUrl();
  const filters = callFiltersOf(search);
  const said = Object.entries(filters) as [CallFilterName, string][];
  return (
    <div className="filters" role="group" aria-label={words.app.filters.label}>
      {said.map(([name, value]) => {
        const text = `${filterName(name, words)}: ${valueSaid(name, value, nameOf)}`;
        return (
          <button
            key={name}
            type="button"
            className="chip"
            aria-label={words.app.filters.remove(text)}
            onClick={() => change(changeOf(name, undefined))}
          >
            {text} <span aria-hidden="true">×</span>
          </button>
        );
      })}
      {said.length > 0 && (
        <Button kind="quiet" className="small" onClick={() => change(cleared())}>
          {words.app.filters.clear}
        </Button>
      )}
      <Adding names={names} filters={filters} set={(name, value) => change(changeOf(name, value))} />
      {children}
    </div>
  );
}

function filterName(name: CallFilterName, words: Words): string {
  return name === "status" ? words.calls.filter.status : words.app.dimensions[name];
}

function valueSaid(name: CallFilterName, value: string, nameOf: NameOf): string {
  if (name === "status") return statusSaid(value);
  return isDimension(name) ? nameOf(name, value) : value;
}

function isDimension(name: string): name is Dimension {
  return (DIMENSIONS as readonly string[]).includes(name);
}

interface AddingProps {
  readonly names: readonly CallFilterName[];
  readonly filters: CallFilters;
  readonly set: (name: CallFilterName, value: string) => void;
}

/** What calls are to be filtered by, then its value. */
function Adding({ names, filters, set }: AddingProps) {
  const words = useWords();
  const [name, setName] = useState<CallFilterName | "">("");
  const done = (value: string) => {
    if (name !== "") set(name, value);
    setName("");
  };
  return (
    <>
      <select
        aria-label={words.calls.filter.add}
        value={name}
        onChange={(event) => setName(names.find((one) => one === event.target.value) ?? "")}
      >
        <option value="">{words.calls.filter.add}</option>
        {names.map((one) => (
          <option key={one} value={one}>
            {filterName(one, words)}
          </option>
        ))}
      </select>
      {name === "outcome" ? (
        <Outcomes done={done} />
      ) : name === "project" || name === "key" ? (
        <Named name={name} done={done} />
      ) : (
        name !== "" && <Written key={name} name={name} filters={filters} done={done} />
      )}
    </>
  );
}

function Chosen({
  options,
  done,
}: {
  options: readonly (readonly [string, string])[];
  done: (value: string) => void;
}) {
  const words = useWords();
  return (
    <select
      aria-label={words.calls.filter.value}
      autoFocus
      value=""
      onChange={(event) => done(event.target.value)}
    >
      <option value="">…</option>
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}

function Outcomes({ done }: { done: (value: string) => void }) {
  return <Chosen options={Object.entries(useWords().app.outcomes)} done={done} />;
}

/** Of those that there are, by their names. */
function Named({ name, done }: { name: "project" | "key"; done: (value: string) => void }) {
  const nameOf = useNames();
  const asked = { query: { limit: 1000 } };
  const projects = useAsked("/admin/projects", asked, { enabled: name === "project" }).data?.projects ?? [];
  const keys = useAsked("/admin/keys", asked, { enabled: name === "key" }).data?.keys ?? [];
  const ids = name === "project" ? projects.map(({ id }) => id) : keys.map(({ id }) => String(id));
  return <Chosen options={["unknown", ...ids].map((id) => [id, nameOf(name, id)] as const)} done={done} />;
}

/** A text; what the calls of the last months had is offered. */
function Written({
  name,
  filters,
  done,
}: {
  name: Exclude<CallFilterName, "outcome" | "project" | "key">;
  filters: CallFilters;
  done: (value: string) => void;
}) {
  const words = useWords();
  const id = useId();
  const [text, setText] = useState(() => (name === "status" ? "" : (filters[name] ?? "")));
  const searched = useDeferredValue(text.trim());
  const dimension = OFFERED.find((one) => one === name);
  const names = useAsked(
    "/admin/usage/names",
    { query: { dimension: dimension ?? "model", text: searched === "" ? undefined : searched } },
    { enabled: dimension !== undefined, refetchInterval: false },
  );
  const offered = dimension === undefined ? [] : (names.data?.names ?? []).map(({ value }) => value);
  const status = name === "status" ? statusRange(text) : null;
  const isWrong = name === "status" && text.trim() !== "" && status === null;
  const send = (event: FormEvent) => {
    event.preventDefault();
    const value = name === "status" ? status : text.trim();
    if (value !== null && value !== "") done(value);
  };
  return (
    <form className="row" onSubmit={send}>
      <input
        aria-label={`${words.calls.filter.value}: ${filterName(name, words)}`}
        aria-invalid={isWrong}
        aria-describedby={`${id}-wrong`}
        autoFocus
        list={id}
        value={text}
        placeholder={words.calls.filter.hints[name]}
        size={26}
        onChange={(event) => setText(event.target.value)}
      />
      <datalist id={id}>
        {offered.map((value) => (
          <option key={value} value={value} />
        ))}
      </datalist>
      <Button type="submit">{words.calls.filter.set}</Button>
      <small id={`${id}-wrong`} className="bad">
        {isWrong ? words.calls.filter.badStatus : ""}
      </small>
    </form>
  );
}
