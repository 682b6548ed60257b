/** When what happened in a call: a bar, and the same as a table. */

import { useWords } from "@/app/preferences";
import { useFormat, useNow } from "@/app/view";
import { isOpen } from "@/pure/calls";
import { stepsOf, type Stretch, stretchesOf } from "@/pure/timeline";
import type { Whole } from "@/pure/whole-call";

const STEP_MS = 500;

export function Timeline({ whole }: { whole: Whole }) {
  return isOpen(whole.call) ? <Running whole={whole} /> : <Drawn whole={whole} nowMs={null} />;
}

function Running({ whole }: { whole: Whole }) {
  const now = useNow(STEP_MS);
  return <Drawn whole={whole} nowMs={Math.max(now - Date.parse(whole.call.started_at), 0)} />;
}

function Drawn({ whole, nowMs }: { whole: Whole; nowMs: number | null }) {
  const words = useWords();
  const format = useFormat();
  const { call, known } = whole;
  const steps = stepsOf(known);
  const stretches = stretchesOf(steps, nowMs);
  const wholeMs = stretches.at(-1)?.toMs ?? 0;
  const began = Date.parse(call.started_at);
  const isWhole = whole.facts.state === "completed";
  const nameOf = (name: Stretch["until"]) =>
    name === "open"
      ? words.calls.time.open
      : name === "ended" && isWhole
        ? words.calls.time.lastByte
        : words.calls.time[name];
  const label = steps.map(({ name, atMs }) => `${nameOf(name)} ${format.ms(atMs)}`).join(", ");
  return (
    <>
      {wholeMs > 0 && (
        <div className="timeline" role="img" aria-label={words.calls.time.label(label)}>
          {stretches.map(({ until, fromMs, toMs }) => (
            <span
              key={until}
              className={`stretch-${until}`}
              style={{ left: `${(100 * fromMs) / wholeMs}%`, width: `${(100 * (toMs - fromMs)) / wholeMs}%` }}
            />
          ))}
        </div>
      )}
      <div className="table-frame">
        <table>
          <thead>
            <tr>
              <th scope="col">{words.calls.time.phase}</th>
              <th scope="col">{words.calls.time.at}</th>
              <th scope="col" className="number">
                {words.calls.time.after}
              </th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <td>{words.calls.time.began}</td>
              <td>{format.exactTime(began)}</td>
              <td className="number">{format.ms(0)}</td>
            </tr>
            {steps.map(({ name, atMs }) => (
              <tr key={name}>
                <td>
                  <span className="stretch-name">
                    <span className={`swatch stretch-${name}`} />
                    {nameOf(name)}
                  </span>
                </td>
                <td>{format.exactTime(began + atMs)}</td>
                <td className="number">{format.ms(atMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
