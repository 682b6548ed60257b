/**
 * Lines of a report as series of a chart.
 *
 *   lines {start, model, cost_usd}  ──►  times [t0, t1, …]   one per interval, none left out
 *                                        series [{ key, values [v0, v1, …] }]   the largest first, the rest as one
 *
 * A value is `null` where a figure is not known, and 0 where there were no calls.
 */

import { HOUR_MS, type Interval, MINUTE_MS, type Range } from "./range";

export interface Series {
  /** What the calls have in common; `null`: nobody said it. */
  readonly key: string | null;
  /** Whether this is all that is not shown by itself. */
  readonly isRest: boolean;
  readonly values: readonly (number | null)[];
  readonly total: number;
}

export interface Chartable {
  readonly times: readonly number[];
  readonly series: readonly Series[];
}

export type Line = Readonly<Record<string, unknown>>;

const STEP_MS: Partial<Record<Interval, number>> = {
  minute: MINUTE_MS,
  "5min": 5 * MINUTE_MS,
  hour: HOUR_MS,
};

/** The starts of all intervals that lines can have: those said, and for widths that never change those between. */
export function timesOf(lines: readonly Line[], range: Range, interval: Interval): number[] {
  const said = lines.map((line) => Date.parse(String(line.start))).filter(Number.isFinite);
  const step = STEP_MS[interval];
  if (step === undefined) return [...new Set(said)].sort((a, b) => a - b);
  const times = [range.from];
  for (let at = (Math.floor(range.from / step) + 1) * step; at < range.to; at += step) times.push(at);
  return times;
}

/** The series of one figure, by one dimension; at most `most` of them and one for the rest. */
export function seriesOf(
  lines: readonly Line[],
  times: readonly number[],
  by: string | null,
  figure: string,
  most = 7,
): Chartable {
  const at = new Map(times.map((time, n) => [time, n]));
  const found = new Map<string | null, { values: (number | null)[]; total: number }>();
  for (const line of lines) {
    const n = at.get(Date.parse(String(line.start)));
    if (n === undefined) continue;
    const key = by === null ? "" : keyOf(line[by]);
    let one = found.get(key);
    if (one === undefined) {
      one = { values: times.map(() => 0), total: 0 };
      found.set(key, one);
    }
    const value = line[figure];
    one.values[n] = typeof value === "number" ? value : null;
    if (typeof value === "number") one.total += value;
  }
  const all = [...found]
    .map(([key, one]) => ({ key, isRest: false, ...one }))
    .sort((a, b) => b.total - a.total);
  const rest = all.slice(most);
  const series: Series[] = all.slice(0, most);
  if (rest.length > 0) series.push(together(rest, times.length));
  return { times, series };
}

/** A key of a line as text; what nobody said stays `null`. */
export function keyOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

function together(some: readonly Series[], length: number): Series {
  const values = Array.from({ length }, (_, n) => sum(some.map((one) => one.values[n])));
  return { key: null, isRest: true, values, total: sum(some.map((one) => one.total)) ?? 0 };
}

/** The sum of what is known; `null` if nothing is. */
export function sum(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === "number");
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

/** Whether a value is known and those beside it are not. */
export function isAlone(values: readonly (number | null)[], n: number): boolean {
  const isThere = (at: number) => (values[at] ?? null) !== null;
  return isThere(n) && !isThere(n - 1) && !isThere(n + 1);
}
