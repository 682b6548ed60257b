/** Which columns are shown: a choice that this browser keeps, beside what else a person prefers. */

import { useCallback, useMemo, useState } from "react";
import { useWords } from "@/app/preferences";
import { Button } from "@/parts/button";
import { AT_FIRST, type CallColumn, COLUMN_NAMES, type ColumnName, columnsOf } from "./columns";

const KEPT = "wellhead-calls-columns";

interface Choice {
  readonly columns: readonly CallColumn[];
  readonly names: readonly ColumnName[];
  readonly choose: (names: readonly ColumnName[]) => void;
}

export function useColumns(): Choice {
  const [names, setNames] = useState(read);
  const choose = useCallback((chosen: readonly ColumnName[]) => {
    setNames(chosen);
    try {
      if (chosen === AT_FIRST) localStorage.removeItem(KEPT);
      else localStorage.setItem(KEPT, JSON.stringify(chosen));
    } catch {
      // Storage is off: the choice holds until the page is left.
    }
  }, []);
  const columns = useMemo(() => columnsOf(names), [names]);
  return { columns, names, choose };
}

function read(): readonly ColumnName[] {
  try {
    const said: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    if (!Array.isArray(said)) return AT_FIRST;
    const known = COLUMN_NAMES.filter((name) => said.includes(name));
    return known.length > 0 ? known : AT_FIRST;
  } catch {
    return AT_FIRST;
  }
}

export function ColumnChoice({ names, choose }: Pick<Choice, "names" | "choose">) {
  const words = useWords();
  return (
    <details className="column-choice">
      <summary className="button">{words.calls.columns.choose}</summary>
      <fieldset className="card">
        <legend className="visually-hidden">{words.calls.columns.label}</legend>
        {COLUMN_NAMES.filter((name) => name !== "time").map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={names.includes(name)}
              onChange={(event) =>
                choose(event.target.checked ? [...names, name] : names.filter((one) => one !== name))
              }
            />{" "}
            {words.calls.columns[name]}
          </label>
        ))}
        <Button className="small" onClick={() => choose(AT_FIRST)}>
          {words.calls.columns.reset}
        </Button>
      </fieldset>
    </details>
  );
}
