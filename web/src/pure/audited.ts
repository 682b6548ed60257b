/**
 * What operators changed, as people read it.
 *
 *   { amount: 200 } → { amount: 500 }      amount: 200 → 500
 *   nothing → { expires_us: 17…, … }       expires: Mar 1, 2026, 12:00:00, …     of what is new or gone all that it had
 *
 * The audit has moments in microseconds, as the books have, and money as dollars in text.
 */

import { type Format, UNKNOWN } from "./format";

type Told = Readonly<Record<string, unknown>> | null;

export interface Entry {
  readonly object_kind: string;
  readonly object_id: string | null;
  readonly before: Told;
  readonly after: Told;
}

export interface Changed {
  readonly name: string;
  /** `null`: there was nothing to be different from. */
  readonly was: string | null;
  readonly is: string;
}

const MOMENT = /_us$/;
const US_PER_MS = 1000;
/** Says when the entry itself does. */
const REDUNDANT = "created_us";

/** The changes of an entry. */
export function changesOf({ before, after }: Entry, format: Pick<Format, "moment" | "usdExact">): Changed[] {
  const say = (name: string, value: unknown) => {
    if (value === null || value === undefined) return UNKNOWN;
    if (MOMENT.test(name) && typeof value === "number") return format.moment(value / US_PER_MS);
    if (name === "amount" && typeof value === "string") return format.usdExact(Number(value));
    if (Array.isArray(value)) return value.join(", ");
    return typeof value === "object" ? pairsOf(value) : String(value);
  };
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names
    .filter((name) => name !== REDUNDANT)
    .map((name) => ({
      name: name.replace(MOMENT, ""),
      was: before === null || after === null ? null : say(name, before[name]),
      is: say(name, (after ?? before)?.[name]),
    }));
}

/** `kind: key, id: 9` */
function pairsOf(value: object): string {
  return Object.entries(value)
    .map(([name, found]) => `${name}: ${String(found)}`)
    .join(", ");
}
