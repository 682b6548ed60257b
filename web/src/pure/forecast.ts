/**
 * What a month will have cost when it is over.
 *
 *   1st ........... now ........... last
 *   what was spent   + for each day left, what such a weekday cost on average
 *
 * Averages are over whole days of the last eight weeks, none before the first call, and of
 * today only what is left of it counts.  With less than two weeks of such days all
 * weekdays count alike; with less than one nothing is said.
 */

import { clockAt, startOfDay, startOfMonth } from "./clock";
import type { Line } from "./series";

export const HISTORY_DAYS = 56;
const WEEKDAYS_FROM_DAYS = 14;
const FROM_DAYS = 7;

export interface Forecast {
  /** Since the month began; `null`: there were calls, and nobody knows what they cost. */
  readonly spent: number | null;
  /** When the month is over; `null`: there is too little to go by. */
  readonly expected: number | null;
  readonly method: "weekdays" | "mean" | null;
  /** How many whole days it goes by. */
  readonly days: number;
  /** The whole month before; `null` if the books do not have all of it. */
  readonly lastMonth: number | null;
}

/** From when on days are needed. */
export function historyFrom(now: number, zone: string): number {
  return Math.min(startOfMonth(now, zone, -1), startOfDay(now, zone, -HISTORY_DAYS));
}

/** `lines` are of days of the zone since `historyFrom`; `since` is when the first call began. */
export function forecastOf(
  lines: readonly Line[],
  now: number,
  zone: string,
  since: number | null,
): Forecast {
  const costs = new Map(lines.map((line) => [Date.parse(String(line.start)), line.cost_usd]));
  const [month, lastMonth] = [startOfMonth(now, zone), startOfMonth(now, zone, -1)];
  const spent = spentIn(costs, month, now);
  const whole = wholeDays(costs, now, zone);
  const expectedOf = expectation(whole, zone);
  return {
    spent,
    expected: expectedOf === null || spent === null ? null : spent + leftOf(now, zone, expectedOf),
    method: expectedOf === null ? null : whole.length < WEEKDAYS_FROM_DAYS ? "mean" : "weekdays",
    days: whole.length,
    lastMonth: since !== null && since < lastMonth ? spentIn(costs, lastMonth, month) : null,
  };
}

type Costs = ReadonlyMap<number, unknown>;
interface Day {
  readonly start: number;
  readonly cost: number;
}

/** The sum of what is known; nothing where there are no calls, and `null` where none has a cost. */
function spentIn(costs: Costs, from: number, to: number): number | null {
  const some = [...costs].filter(([start]) => start >= from && start < to).map(([, cost]) => cost);
  const known = some.filter((cost) => typeof cost === "number");
  return some.length > 0 && known.length === 0 ? null : known.reduce((sum, cost) => sum + cost, 0);
}

/** The days before today that had calls, or came after one that had; the first of them is not whole. */
function wholeDays(costs: Costs, now: number, zone: string): Day[] {
  const first = Math.min(...costs.keys());
  const days: Day[] = [];
  for (let ago = HISTORY_DAYS; ago >= 1; ago--) {
    const start = startOfDay(now, zone, -ago);
    const cost = costs.has(start) ? costs.get(start) : 0;
    if (start > first && typeof cost === "number") days.push({ start, cost });
  }
  return days;
}

function expectation(days: readonly Day[], zone: string): ((start: number) => number) | null {
  if (days.length < FROM_DAYS) return null;
  const mean = (some: readonly Day[]) => some.reduce((sum, { cost }) => sum + cost, 0) / some.length;
  const all = mean(days);
  if (days.length < WEEKDAYS_FROM_DAYS) return () => all;
  return (start) => {
    const { weekday } = clockAt(start, zone);
    const such = days.filter((day) => clockAt(day.start, zone).weekday === weekday);
    return such.length === 0 ? all : mean(such);
  };
}

/** What the rest of today and the days until the month is over are expected to cost. */
function leftOf(now: number, zone: string, expectedOf: (start: number) => number): number {
  const end = startOfMonth(now, zone, 1);
  let sum = 0;
  for (let later = 0; ; later++) {
    const [start, next] = [startOfDay(now, zone, later), startOfDay(now, zone, later + 1)];
    if (start >= end) return sum;
    sum += (expectedOf(start) * (next - Math.max(start, now))) / (next - start);
  }
}
