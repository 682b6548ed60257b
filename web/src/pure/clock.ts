/**
 * What the clocks of a time zone show, and when its days, weeks and months begin.
 *
 * A day may have 23 or 25 hours, so nothing here is reckoned in multiples of a day.
 */

export interface Clock {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  /** From 0, a Monday. */
  readonly weekday: number;
}

const made = new Map<string, Intl.DateTimeFormat>();

export function clockAt(ms: number, zone: string): Clock {
  const { year, month, day, hour } = partsAt(ms, zone);
  // A Sunday is day 0 there.
  const weekday = (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
  return { year, month, day, hour, weekday };
}

/** When the day begins that a moment is in, or one so many days later. */
export function startOfDay(ms: number, zone: string, later = 0): number {
  const { year, month, day } = partsAt(ms, zone);
  return midnight(Date.UTC(year, month - 1, day + later), zone);
}

/** When the week begins, on a Monday. */
export function startOfWeek(ms: number, zone: string, later = 0): number {
  return startOfDay(ms, zone, 7 * later - clockAt(ms, zone).weekday);
}

export function startOfMonth(ms: number, zone: string, later = 0): number {
  const { year, month } = partsAt(ms, zone);
  return midnight(Date.UTC(year, month - 1 + later, 1), zone);
}

/** The moment at which the clocks of the zone show what those of UTC show at another. */
function midnight(utc: number, zone: string): number {
  // Twice, since the offset may change between the guess and what is guessed.
  const guess = utc - offsetAt(utc, zone);
  return utc - offsetAt(guess, zone);
}

/** How far the clocks of a zone are ahead of UTC. */
function offsetAt(ms: number, zone: string): number {
  const { year, month, day, hour, minute, second } = partsAt(ms, zone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}

function partsAt(ms: number, zone: string) {
  let format = made.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    made.set(zone, format);
  }
  const found = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of format.formatToParts(ms)) {
    if (type in found) found[type as keyof typeof found] = Number(value);
  }
  return found;
}
