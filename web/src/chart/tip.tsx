/** What is shown beside the pointer: the figures of one moment. */

import type { Known } from "@/pure/format";

interface Row {
  readonly name: string;
  readonly value: number | null;
  readonly colour: string;
}

export function Tip({
  title,
  rows,
  say,
}: {
  title: string;
  rows: readonly Row[];
  say: (value: Known) => string;
}) {
  return (
    <>
      <strong>{title}</strong>
      {rows.map(({ name, value, colour }, n) => (
        <div key={n} className="chart-tip-row">
          <span className="swatch" style={{ background: colour }} />
          <span>{name}</span>
          <span className="number">{say(value)}</span>
        </div>
      ))}
    </>
  );
}
