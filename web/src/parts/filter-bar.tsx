/** The filters of a view as chips that a click takes away, and a way to one more. */

import { useState } from "react";
import { useReport } from "@/api/report";
import { useFilters } from "@/app/filters";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useView } from "@/app/view";
import { type Dimension, dimensionOf, isFiltered, valueOf } from "@/pure/filters";
import { keyOf } from "@/pure/series";
import { Button } from "./button";
import { Empty, Failure, Loading } from "./states";

/** `dimensions` are those that the page can be filtered by. */
export function FilterBar({ dimensions }: { dimensions: readonly Dimension[] }) {
  const words = useWords();
  const nameOf = useNames();
  const { filters, set, clear } = useFilters();
  const [isAdding, setAdding] = useState(false);
  const said = Object.entries(filters) as [Dimension, string][];
  return (
    <div className="filters" role="group" aria-label={words.app.filters.label}>
      {said.map(([dimension, value]) => {
        const name = `${words.app.dimensions[dimension]}: ${nameOf(dimension, value)}`;
        return (
          <button
            key={dimension}
            type="button"
            className="chip"
            aria-label={words.app.filters.remove(name)}
            onClick={() => set(dimension, undefined)}
          >
            {name} <span aria-hidden="true">×</span>
          </button>
        );
      })}
      {isFiltered(filters) && (
        <Button kind="quiet" className="small" onClick={clear}>
          {words.app.filters.clear}
        </Button>
      )}
      <Button
        kind="quiet"
        className="small"
        aria-expanded={isAdding}
        onClick={() => setAdding((isOpen) => !isOpen)}
      >
        {words.app.filters.add}
      </Button>
      {isAdding && (
        <Adding dimensions={dimensions.filter((one) => !(one in filters))} close={() => setAdding(false)} />
      )}
    </div>
  );
}

/** Two choices: by what, and which of those that calls in the range have. */
function Adding({ dimensions, close }: { dimensions: readonly Dimension[]; close: () => void }) {
  const words = useWords();
  const nameOf = useNames();
  const { filters, set } = useFilters();
  const { range, zone } = useView();
  const [said, setSaid] = useState<string>();
  const dimension = dimensions.find((one) => one === dimensionOf(said, undefined));
  const report = useReport(
    { range, zone, filters, by: dimension === undefined ? [] : [dimension] },
    { enabled: dimension !== undefined, refetchInterval: false },
  );
  const keys =
    dimension === undefined || report.isPlaceholderData
      ? undefined
      : report.data?.lines.map((line) => keyOf(line[dimension]));
  return (
    <>
      <select
        aria-label={words.app.filters.by}
        value={dimension ?? ""}
        onChange={(event) => setSaid(event.target.value)}
      >
        <option value="">{words.app.filters.choose}</option>
        {dimensions.map((one) => (
          <option key={one} value={one}>
            {words.app.dimensions[one]}
          </option>
        ))}
      </select>
      {dimension !== undefined &&
        (keys !== undefined ? (
          keys.length === 0 ? (
            <Empty title={words.app.filters.nothing} />
          ) : (
            <select
              key={dimension}
              aria-label={words.app.filters.value}
              value=""
              onChange={(event) => {
                set(dimension, event.target.value);
                close();
              }}
            >
              <option value="">{words.app.filters.choose}</option>
              {keys.map((key) => (
                <option key={valueOf(key)} value={valueOf(key)}>
                  {nameOf(dimension, key)}
                </option>
              ))}
            </select>
          )
        ) : report.error ? (
          <Failure error={report.error} again={() => void report.refetch()} />
        ) : (
          <Loading />
        ))}
    </>
  );
}
