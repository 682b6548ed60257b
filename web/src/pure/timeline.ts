/**
 * What happened in a call, and when, as far as it is known.
 *
 *   admitted ── sent ────── headers ── first byte ─────────── last byte
 *           waiting  upstream      first              body
 *
 * Each stretch is named by what it ends with, so one that nobody measured is in the next.
 */

export const STEPS = ["admitted", "sent", "headers", "firstByte", "ended"] as const;
export type StepName = (typeof STEPS)[number];

export interface Step {
  readonly name: StepName;
  /** In milliseconds from when the call began. */
  readonly atMs: number;
}

export interface Stretch {
  /** What it ends with; `open`: it goes on. */
  readonly until: StepName | "open";
  readonly fromMs: number;
  readonly toMs: number;
}

export type Known = Readonly<Record<StepName, number | null>>;

/** The steps that are known, in their order; a clock that was set back makes none of them earlier than another. */
export function stepsOf(known: Known): Step[] {
  let latest = 0;
  return STEPS.flatMap((name) => {
    const atMs = known[name];
    if (atMs === null) return [];
    latest = Math.max(latest, atMs);
    return [{ name, atMs: latest }];
  });
}

/** The stretches between the steps; `nowMs` is given for a call that is under way. */
export function stretchesOf(steps: readonly Step[], nowMs: number | null): Stretch[] {
  const found: Stretch[] = [];
  let fromMs = 0;
  for (const { name, atMs } of steps) {
    if (atMs > fromMs) found.push({ until: name, fromMs, toMs: atMs });
    fromMs = atMs;
  }
  if (nowMs !== null && nowMs > fromMs) found.push({ until: "open", fromMs, toMs: nowMs });
  return found;
}
