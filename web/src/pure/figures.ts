/**
 * Several figures of the same lines as series of a chart: p50, p95 and p99, say.
 *
 * Other than sums, such figures are unknown where there are no calls, and not nothing.
 */

import type { Chartable, Line } from "./series";

export function figuresOf(
  lines: readonly Line[],
  times: readonly number[],
  figures: readonly ((line: Line) => unknown)[],
  absent: number | null = null,
): Chartable {
  const at = new Map(lines.map((line) => [Date.parse(String(line.start)), line]));
  const series = figures.map((figure, n) => {
    const values = times.map((time) => {
      const line = at.get(time);
      if (line === undefined) return absent;
      const value = figure(line);
      return typeof value === "number" ? value : null;
    });
    const total = values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
    return { key: String(n), isRest: false, values, total };
  });
  return { times, series };
}
