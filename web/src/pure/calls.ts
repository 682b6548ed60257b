/**
 * Calls as the API shows them, and what can be told of them.
 *
 * A row itself has a 0 where a count is not known, and fewer words for how a call ended; what is said
 * here is out of the exact facts beside it, in which unknown is `null`.
 */

import type { CallShown, CallState } from "@/api/schema";

export type Call = CallShown;
export type Outcome = CallState;

/** What a call used and cost; `null` is unknown. */
export interface Figures {
  readonly input: number | null;
  readonly output: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly reasoning: number | null;
  readonly total: number | null;
  readonly costUsd: number | null;
}

export function figuresOf({ exact }: Call): Figures {
  return {
    input: exact.input_tokens,
    output: exact.output_tokens,
    cacheRead: exact.cache_read_tokens,
    cacheWrite: exact.cache_write_tokens,
    reasoning: exact.reasoning_tokens,
    total: exact.total_tokens,
    costUsd: exact.cost_usd,
  };
}

export function isOpen(call: Call): boolean {
  return call.exact.state === "pending";
}

/** How it ended, if it did. */
export function outcomeOf(call: Call): Outcome {
  return call.exact.state;
}

/** Orders ids as calls began, the newest first; ids are numbers too large for JavaScript. */
export function newestFirst(a: string, b: string): number {
  if (a.length !== b.length) return b.length - a.length;
  return a === b ? 0 : a < b ? 1 : -1;
}

/** The id just above one: what comes before it begins with that one. */
export function above(id: string): string {
  return String(BigInt(id) + 1n);
}

const EPOCH_MS = 1_577_836_800_000n;
const MS_SHIFT = 22n;

/** When a call with this id began, to the millisecond. */
export function beganAt(id: string): number {
  return Number((BigInt(id) >> MS_SHIFT) + EPOCH_MS);
}
