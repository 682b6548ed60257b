/**
 * What operators changed, as people read it.
 *
 *   { amount: 200 } → { amount: 500 }      amount: 200 → 500
 *   nothing → { expires_us: 17…, … }       expires: Mar 1, 2026, 12:00:00, …     of what is new or gone all that it had
 *
 * The audit has moments in microseconds and money in nano-dollars, as the books have.
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
const NANOUSD_PER_USD = 1e9;
/** Says when the entry itself does. */
const REDUNDANT = "created_us";

/** The changes of an entry; the others tell what it leaves out. */
export function changesOf(
  entry: Entry,
  entries: readonly Entry[],
  format: Pick<Format, "moment" | "usdExact">,
): Changed[] {
  const { before, after } = entry;
  const measure = measureOf(entry, entries);
  const say = (name: string, value: unknown) => {
    if (value === null || value === undefined) return UNKNOWN;
    if (MOMENT.test(name) && typeof value === "number") return format.moment(value / US_PER_MS);
    if (name === "amount" && measure === "cost") return format.usdExact(Number(value) / NANOUSD_PER_USD);
    if (Array.isArray(value)) return value.join(", ");
    return typeof value === "object" ? JSON.stringify(value) : String(value);
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

/** What a limit counts: a change of its amount does not say. */
function measureOf(entry: Entry, entries: readonly Entry[]): unknown {
  const isSame = (one: Entry) =>
    one === entry || (one.object_kind === entry.object_kind && one.object_id === entry.object_id);
  return entries
    .filter(isSame)
    .map(({ before, after }) => (after ?? before)?.measure)
    .find((found) => found !== undefined);
}
