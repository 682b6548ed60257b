/** What a whole is made of: a table of names, each with its count and its share as a bar. */

import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { ratio } from "@/pure/format";

export interface Share {
  readonly key: string;
  readonly name: string;
  readonly count: number;
  readonly tone?: "good" | "warn" | "bad" | "muted";
}

interface Props {
  readonly label: string;
  /** What the names are, and what is counted. */
  readonly of: string;
  readonly counted: string;
  readonly shares: readonly Share[];
  readonly total: number;
  readonly onPick?: (key: string) => void;
  readonly picked?: string | undefined;
}

/** So many are shown, those with most. */
const SHOWN_MAX = 12;

export function Shares({ label, of, counted, shares, total, onPick, picked }: Props) {
  const words = useWords();
  const format = useFormat();
  const sorted = shares.toSorted((a, b) => b.count - a.count);
  const rest = sorted.slice(SHOWN_MAX).reduce((sum, { count }) => sum + count, 0);
  const shown: readonly Share[] =
    rest > 0
      ? [...sorted.slice(0, SHOWN_MAX), { key: "", name: words.app.other, count: rest, tone: "muted" }]
      : sorted;
  return (
    <div className="table-frame" role="region" aria-label={label} tabIndex={0}>
      <table className="shares">
        <thead>
          <tr>
            <th scope="col">{of}</th>
            <th scope="col" className="number">
              {counted}
            </th>
            <th scope="col" className="number">
              {words.overview.share}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ key, name, count, tone }) => (
            <tr key={key}>
              <th scope="row">
                {onPick === undefined || key === "" ? (
                  name
                ) : (
                  <button type="button" aria-pressed={key === picked} onClick={() => onPick(key)}>
                    {name}
                  </button>
                )}
                <div className="bar" aria-hidden="true">
                  <span className={tone} style={{ width: `${(ratio(count, total) ?? 0) * 100}%` }} />
                </div>
              </th>
              <td className="number">{format.count(count)}</td>
              <td className="number">{format.percent(ratio(count, total))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
