/**
 * An average week: what an hour of each weekday comes to, on the clocks of a zone.
 *
 *   lines {start, calls}  ──►  cells [weekday][hour] { total, hours }     hours: how many of them the range has
 *
 * A range has some hours more often than others, so what is compared is the average.
 */

import { clockAt } from "./clock";
import { HOUR_MS, type Range } from "./range";
import type { Line } from "./series";

export interface Cell {
  /** What all those hours came to; `null`: there were calls, and nobody knows. */
  readonly total: number | null;
  /** How many such hours are in the range, parts of them too. */
  readonly hours: number;
  /** Of one hour; `null` where it is unknown, or not in the range. */
  readonly average: number | null;
}

export interface Heat {
  /** Seven days from Monday, of 24 hours. */
  readonly cells: readonly (readonly Cell[])[];
  readonly most: number;
}

/** Of lines that are an hour wide, or less. */
export function heatOf(lines: readonly Line[], figure: string, range: Range, zone: string): Heat {
  const cells = Array.from({ length: 7 }, () =>
    Array.from({ length: 24 }, () => ({ known: 0, isKnown: false, hasCalls: false, ms: 0 })),
  );
  const cellAt = (ms: number) => {
    const { weekday, hour } = clockAt(ms, zone);
    return cells[weekday]?.[hour];
  };
  for (let at = Math.floor(range.from / HOUR_MS) * HOUR_MS; at < range.to; at += HOUR_MS) {
    const cell = cellAt(at);
    if (cell) cell.ms += Math.min(at + HOUR_MS, range.to) - Math.max(at, range.from);
  }
  for (const line of lines) {
    // An hour of UTC that began before the range does is said to start with the range.
    const cell = cellAt(Math.floor(Date.parse(String(line.start)) / HOUR_MS) * HOUR_MS);
    if (cell === undefined) continue;
    const value = line[figure];
    cell.hasCalls = true;
    if (typeof value === "number") {
      cell.known += value;
      cell.isKnown = true;
    }
  }
  const shown = cells.map((day) =>
    day.map(({ known, isKnown, hasCalls, ms }) => {
      const hours = ms / HOUR_MS;
      const total = hasCalls && !isKnown ? null : known;
      return { total, hours, average: total === null || hours === 0 ? null : total / hours };
    }),
  );
  return { cells: shown, most: Math.max(0, ...shown.flat().map(({ average }) => average ?? 0)) };
}
