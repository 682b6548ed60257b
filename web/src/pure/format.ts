/**
 * Figures and moments as people read them.
 *
 * Unknown is "–", never 0.  Money is US dollars; an amount too small for its digits is
 * said to be below them and not to be nothing.
 */

export const UNKNOWN = "–";
export type Known = number | null | undefined;

/** Formatters of one language and one zone of time. */
export interface Format {
  readonly count: (value: Known) => string;
  /** With a unit: 1.2k, 3.4M. */
  readonly short: (value: Known) => string;
  readonly usd: (value: Known) => string;
  /** All digits, down to the nano-dollar. */
  readonly usdExact: (value: Known) => string;
  readonly percent: (ratio: Known) => string;
  /** A change against what was before, with its sign; beyond tenfold only that it is. */
  readonly change: (ratio: Known) => string;
  readonly ms: (value: Known) => string;
  readonly bytes: (value: Known) => string;
  readonly moment: (at: string | number | null | undefined) => string;
  /** A moment of these days: without its year. */
  readonly stamp: (at: string | number | null | undefined) => string;
  readonly time: (at: string | number | null | undefined) => string;
  /** To the millisecond. */
  readonly exactTime: (at: string | number | null | undefined) => string;
  readonly day: (at: string | number | null | undefined) => string;
  /** Without the year. */
  readonly shortDay: (at: string | number | null | undefined) => string;
  readonly month: (at: string | number | null | undefined) => string;
  /** As long ago, or from now on, in words. */
  readonly ago: (at: string | number | null | undefined, now: number) => string;
}

/** How much more is said in percent. */
const MUCH = 9.99;
const MS = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** The formatters; `zone` is an IANA name. */
export function formatOf(language: string, zone: string): Format {
  const number = (options: Intl.NumberFormatOptions) => {
    const made = new Intl.NumberFormat(language, options);
    return (value: Known) => (isKnown(value) ? made.format(value) : UNKNOWN);
  };
  const date = (options: Intl.DateTimeFormatOptions) => {
    const made = new Intl.DateTimeFormat(language, { ...options, timeZone: zone, hourCycle: "h23" });
    return (at: string | number | null | undefined) => {
      const ms = instant(at);
      return ms === null ? UNKNOWN : made.format(ms);
    };
  };
  const count = number({ maximumFractionDigits: 0 });
  const oneDigit = number({ maximumFractionDigits: 1 });
  const signed = number({ style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero" });
  const usd = new Intl.NumberFormat(language, { style: "currency", currency: "USD" });
  const usdSmall = new Intl.NumberFormat(language, {
    style: "currency",
    currency: "USD",
    minimumFractionDigits: 2,
    maximumFractionDigits: 4,
  });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  return {
    count,
    // Some languages have no short form of thousands, and would write them without their points.
    short: number({ notation: "compact", maximumFractionDigits: 1, useGrouping: "always" }),
    usd: (value) => {
      if (!isKnown(value)) return UNKNOWN;
      const size = Math.abs(value);
      if (size > 0 && size < 0.0001) return `< ${usdSmall.format(0.0001)}`;
      return (size > 0 && size < 1 ? usdSmall : usd).format(value);
    },
    usdExact: number({
      style: "currency",
      currency: "USD",
      minimumFractionDigits: 2,
      maximumFractionDigits: 9,
    }),
    percent: number({ style: "percent", maximumFractionDigits: 1 }),
    change: (ratio) => (isKnown(ratio) && ratio > MUCH ? `> ${signed(MUCH)}` : signed(ratio)),
    ms: (value) => {
      if (!isKnown(value)) return UNKNOWN;
      if (value < 10) return `${oneDigit(value)} ms`;
      if (value < MS.second) return `${count(value)} ms`;
      if (value < MS.minute) return `${oneDigit(value / MS.second)} s`;
      return value < MS.hour ? `${oneDigit(value / MS.minute)} min` : `${oneDigit(value / MS.hour)} h`;
    },
    bytes: (value) => {
      if (!isKnown(value)) return UNKNOWN;
      const units = ["B", "KiB", "MiB", "GiB", "TiB"];
      const power = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), units.length - 1);
      return `${oneDigit(value / 1024 ** power)} ${units[power]}`;
    },
    moment: date({ dateStyle: "medium", timeStyle: "medium" }),
    stamp: date({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    time: date({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    exactTime: date({ hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }),
    day: date({ dateStyle: "medium" }),
    shortDay: date({ day: "numeric", month: "short" }),
    month: date({ month: "short", year: "numeric" }),
    ago: (at, now) => {
      const ms = instant(at);
      if (ms === null) return UNKNOWN;
      const gone = ms - now;
      const size = Math.abs(gone);
      if (size < MS.minute) return relative.format(Math.round(gone / MS.second), "second");
      if (size < MS.hour) return relative.format(Math.round(gone / MS.minute), "minute");
      if (size < 2 * MS.day) return relative.format(Math.round(gone / MS.hour), "hour");
      return relative.format(Math.round(gone / MS.day), "day");
    },
  };
}

export function isKnown(value: Known): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** A ratio, unknown where there is nothing to divide by. */
export function ratio(part: Known, whole: Known): number | null {
  return isKnown(part) && isKnown(whole) && whole > 0 ? part / whole : null;
}

/** How much more than before: 0.25 is a quarter more; unknown without a before. */
export function change(now: Known, then: Known): number | null {
  return isKnown(now) && isKnown(then) && then > 0 ? (now - then) / then : null;
}

function instant(at: string | number | null | undefined): number | null {
  const ms = typeof at === "string" ? Date.parse(at) : at;
  return isKnown(ms) ? ms : null;
}
