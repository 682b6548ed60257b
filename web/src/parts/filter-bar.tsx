/** The filters of a view as chips that a click takes away, and a way to one more. */

import { useDeferredValue, useState } from "react";
import { useAsked } from "@/api/hooks";
import { useFilters } from "@/app/filters";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useNow, useView } from "@/app/view";
import { type Dimension, dimensionOf, isFiltered } from "@/pure/filters";
import { DAY_MS, HOUR_MS } from "@/pure/range";
import { Button } from "./button";
import { Answered, Empty } from "./states";

const STREAMED = ["1", "0"];
/** As far back as names are kept. */
const DAYS_MAX = 400;

/** `dimensions` are those that the page can be filtered by. */
export function FilterBar({ dimensions }: { dimensions: readonly Dimension[] }) {
  const words = useWords();
  const { filters, set, clear } = useFilters();
  const nameOf = useNames(Object.keys(filters) as Dimension[]);
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
      <Button className="small" aria-expanded={isAdding} onClick={() => setAdding((isOpen) => !isOpen)}>
        {words.app.filters.add}
      </Button>
      {isAdding && (
        <Adding dimensions={dimensions.filter((one) => !(one in filters))} close={() => setAdding(false)} />
      )}
    </div>
  );
}

/** Two choices: by what, and which of those that calls had since the range begins. */
function Adding({ dimensions, close }: { dimensions: readonly Dimension[]; close: () => void }) {
  const words = useWords();
  const [said, setSaid] = useState<string>();
  const dimension = dimensions.find((one) => one === dimensionOf(said, undefined));
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
      {dimension === "outcome" ? (
        <Values dimension={dimension} values={Object.keys(words.app.outcomes)} close={close} />
      ) : dimension === "streamed" ? (
        <Values dimension={dimension} values={STREAMED} close={close} />
      ) : (
        dimension !== undefined && <Named key={dimension} dimension={dimension} close={close} />
      )}
    </>
  );
}

/** The values that most calls have; where there are more, they are found by some of their text. */
function Named({
  dimension,
  close,
}: {
  dimension: Exclude<Dimension, "outcome" | "streamed">;
  close: () => void;
}) {
  const words = useWords();
  const { range } = useView();
  const [text, setText] = useState("");
  const [isLong, setLong] = useState(false);
  const searched = useDeferredValue(text.trim());
  const now = useNow(HOUR_MS);
  const days = Math.min(Math.max(Math.ceil((now - range.from) / DAY_MS) + 1, 1), DAYS_MAX);
  const names = useAsked(
    "/admin/usage/names",
    { query: { dimension, days, text: searched === "" ? undefined : searched } },
    { refetchInterval: false },
  );
  if (names.data?.more && !isLong) setLong(true);
  return (
    <>
      {isLong && (
        <input
          type="search"
          aria-label={words.app.filters.find}
          placeholder={words.app.filters.find}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      <Answered query={names}>
        {({ names: found }) => (
          <Values dimension={dimension} values={found.map(({ value }) => value)} close={close} />
        )}
      </Answered>
    </>
  );
}

function Values({
  dimension,
  values,
  close,
}: {
  dimension: Dimension;
  values: readonly string[];
  close: () => void;
}) {
  const words = useWords();
  const nameOf = useNames([dimension]);
  const { set } = useFilters();
  if (values.length === 0) return <Empty title={words.app.filters.nothing} />;
  return (
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
      {values.map((value) => (
        <option key={value} value={value}>
          {nameOf(dimension, value)}
        </option>
      ))}
    </select>
  );
}
