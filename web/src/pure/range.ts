/**
 * Ranges of time that a view is about, and what they are cut into.
 *
 *   preset, or custom from/to  ──►  [from, to) in ms since the epoch  ──►  interval of a chart
 *
 * `to` of a preset is the beginning of the next half minute, so that pages which ask
 * within the same half minute ask the same, and their answers are shared.
 */

export const PRESETS = ["1h", "6h", "12h", "1d", "1w", "1mo", "all"] as const;
export type Preset = (typeof PRESETS)[number];
export type RangeName = Preset | "custom";
export type Interval = "minute" | "5min" | "hour" | "day" | "week" | "month";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const STEP_MS = MINUTE_MS / 2;
/** The longest range that a report answers. */
export const LONGEST_MS = 366 * DAY_MS;

const LENGTH_MS: Record<Exclude<Preset, "all">, number> = {
  "1h": HOUR_MS,
  "6h": 6 * HOUR_MS,
  "12h": 12 * HOUR_MS,
  "1d": DAY_MS,
  "1w": 7 * DAY_MS,
  "1mo": 30 * DAY_MS,
};

/** A range, half open: `from` is in it, `to` is not. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** How a range is asked for in the URL. */
export interface Asked {
  readonly range: RangeName;
  /** ISO-8601, for `custom` alone. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** The range that is asked for; `since` is when the first call began, for `all`. */
export function rangeOf(asked: Asked, now: number, since: number | null): Range {
  const to = Math.ceil((now + 1) / STEP_MS) * STEP_MS;
  if (asked.range === "custom") {
    const from = Date.parse(asked.from ?? "");
    const until = Date.parse(asked.to ?? "");
    if (Number.isFinite(from) && Number.isFinite(until) && from < until) {
      return { from: Math.max(from, until - LONGEST_MS), to: until };
    }
    return { from: to - DAY_MS, to };
  }
  if (asked.range === "all") {
    const first = since ?? to - 30 * DAY_MS;
    return { from: Math.max(Math.floor(first / HOUR_MS) * HOUR_MS, to - LONGEST_MS), to };
  }
  return { from: to - LENGTH_MS[asked.range], to };
}

/** The range of the same length just before. */
export function before({ from, to }: Range): Range {
  return { from: from - (to - from), to: from };
}

/** What a chart over the range is cut into: about thirty to two hundred pieces. */
export function intervalOf({ from, to }: Range): Interval {
  const length = to - from;
  if (length <= 2 * HOUR_MS) return "minute";
  if (length <= 12 * HOUR_MS) return "5min";
  if (length <= 8 * DAY_MS) return "hour";
  if (length <= 120 * DAY_MS) return "day";
  return "week";
}

/** As the API wants a moment. */
export function moment(ms: number): string {
  return new Date(ms).toISOString();
}
