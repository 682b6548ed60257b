/**
 * How fast a budget is used, and when it is used up if that goes on.
 *
 *   since ........ now ........ used up?     until (the budget begins anew)
 *   |--- used ----|--- left ---|
 */

import { startOfDay, startOfMonth, startOfWeek } from "./clock";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./range";

/** Less than this part of a window says nothing about the rest of it. */
const LEAST = 1 / 100;

export type Window = "minute" | "hour" | "day" | "week" | "month" | "total";

const LENGTH_MS = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS };

export interface Budget {
  readonly window: Window;
  readonly zone: string;
  /** It is over the last hour, day, … and not over that of the calendar. */
  readonly sliding: boolean;
  readonly used: number;
  readonly left: number;
  readonly madeAt: number;
}

export interface Burn {
  /** Of a day. */
  readonly rate: number | null;
  /**
   * `spent`: nothing is left; `ends`: it will be used up `at` a moment; `lasts`: not before
   * it begins anew; `unknown`: too little to go by, or a sliding window, where what is
   * used comes back.
   */
  readonly state: "spent" | "ends" | "lasts" | "unknown";
  readonly at: number | null;
}

export function burnOf(budget: Budget, now: number): Burn {
  const { since, until } = windowAt(budget, now);
  const length = until === null ? 0 : until - since;
  const gone = now - since;
  const rate = gone > 0 && gone >= length * LEAST ? budget.used / gone : null;
  const shown = { rate: rate === null ? null : rate * DAY_MS, at: null };
  if (budget.left <= 0) return { ...shown, state: "spent" };
  if (rate === null || (budget.sliding && budget.window !== "total")) return { ...shown, state: "unknown" };
  if (rate === 0) return { ...shown, state: "lasts" };
  const at = now + budget.left / rate;
  return until !== null && at >= until ? { ...shown, state: "lasts" } : { ...shown, state: "ends", at };
}

/** What a budget is over now; `until` is `null` where it never begins anew. */
export function windowAt(
  { window, zone, sliding, madeAt }: Pick<Budget, "window" | "zone" | "sliding" | "madeAt">,
  now: number,
): { since: number; until: number | null } {
  if (window === "total") return { since: madeAt, until: null };
  if (sliding) return { since: now - LENGTH_MS[window], until: now };
  switch (window) {
    case "day":
      return { since: startOfDay(now, zone), until: startOfDay(now, zone, 1) };
    case "week":
      return { since: startOfWeek(now, zone), until: startOfWeek(now, zone, 1) };
    case "month":
      return { since: startOfMonth(now, zone), until: startOfMonth(now, zone, 1) };
    default: {
      const since = Math.floor(now / LENGTH_MS[window]) * LENGTH_MS[window];
      return { since, until: since + LENGTH_MS[window] };
    }
  }
}
