/**
 * Calls as the API shows them, and what can be told of them.
 *
 * A row has numbers where a count is not known: 0.  So a 0 is only believed where the exact facts
 * say it too; elsewhere it is unknown (`null`), which is never wrong.
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

export function figuresOf(call: Call): Figures {
  return {
    input: told(call.prompt_tokens),
    output: told(call.completion_tokens),
    cacheRead: told(call.cache_read_tokens),
    cacheWrite: told(call.cache_creation_tokens),
    reasoning: told(call.reasoning_tokens),
    total: told(call.total_tokens),
    costUsd: call.cost_status === "ok" ? call.cost_usd : null,
  };
}

function told(count: number): number | null {
  return count > 0 ? count : null;
}

export function isOpen(call: Call): boolean {
  return call.lifecycle_status === "pending";
}

/** How it ended, if it did. */
export function outcomeOf(call: Call): Outcome {
  return call.lifecycle_status === "error" ? "failed" : call.lifecycle_status;
}

/** The session that a call belongs to. */
export function sessionOf(call: Call): string | null {
  const meta = JSON.parse(call.meta_json) as { session_id?: unknown };
  return typeof meta.session_id === "string" ? meta.session_id : null;
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
