/** What a call used, kind by kind; parts below the whole that they are in. */

import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { ratio } from "@/pure/format";
import type { Counted, Whole } from "@/pure/whole-call";

interface Kind {
  readonly name: keyof Counted & string;
  /** What it is a part of. */
  readonly of?: "input" | "output";
}

const KINDS: readonly Kind[] = [
  { name: "input" },
  { name: "cacheRead", of: "input" },
  { name: "cacheWrite", of: "input" },
  { name: "cacheWrite1h", of: "input" },
  { name: "inputAudio", of: "input" },
  { name: "inputImage", of: "input" },
  { name: "output" },
  { name: "reasoning", of: "output" },
  { name: "outputAudio", of: "output" },
  { name: "outputImage", of: "output" },
  { name: "total" },
];

export function Usage({ whole: { counted, facts } }: { whole: Whole }) {
  const words = useWords();
  const format = useFormat();
  const names = words.calls.usage;
  if (Object.values(counted).every((count) => count === null)) return <p>{names.none}</p>;
  // What no provider of this call tells would be many lines of nothing.
  const kinds = KINDS.filter(({ name, of }) => of === undefined || counted[name] !== null);
  return (
    <div className="table-frame">
      <table>
        <thead>
          <tr>
            <th scope="col">{names.kind}</th>
            <th scope="col" className="number">
              {names.tokens}
            </th>
            <th scope="col" className="number">
              {names.share}
            </th>
          </tr>
        </thead>
        <tbody>
          {kinds.map(({ name, of }) => (
            <tr key={name}>
              <td className={of === undefined ? "" : "usage-part"}>{names[name]}</td>
              <td className="number">{format.count(counted[name])}</td>
              <td className="number">
                {of === undefined ? "" : format.percent(ratio(counted[name], counted[of]))}
              </td>
            </tr>
          ))}
          {counted.audioMs !== null && (
            <tr>
              <td>{names.audioMs}</td>
              <td className="number">{format.ms(counted.audioMs)}</td>
              <td />
            </tr>
          )}
          {counted.webSearches !== null && (
            <tr>
              <td>{names.webSearches}</td>
              <td className="number">{format.count(counted.webSearches)}</td>
              <td />
            </tr>
          )}
        </tbody>
      </table>
      {facts.usage.source !== null && (
        <p className="muted">
          {names.source} {names.sources[facts.usage.source]}
        </p>
      )}
    </div>
  );
}
