/**
 * The calls of a live view: what came of them so far, bounded, and what they add up to.
 *
 *   open ──►  rows    the newest so many, in the order in which they began
 *   settle ─►  open    ids of those that are under way
 *             seconds  what happened in each of the last so many seconds
 *
 * A settled call stays settled: what tells of it as open came late.  Nothing here waits or draws.
 */

import { type Call, figuresOf, isOpen, newestFirst } from "./calls";

export const ROWS_MAX = 300;
const OPEN_MAX = 10_000;
const SETTLED_MAX = 2_000;
export const COST_S = 60;
export const RATE_S = 10;
const SECOND_MS = 1000;
/** What was seen open so shortly before a list was asked for may be missing in it. */
const GRACE_MS = 2_000;

export interface Totals {
  /** Calls that began, per second of the last ten; `null` as long as nothing was watched. */
  readonly callsPerSecond: number | null;
  readonly open: number;
  /** Whether more may be open than are known. */
  readonly isOpenAtLeast: boolean;
  /** Of calls that ended within the last minute; `null`: of none of them a cost is known. */
  readonly costUsd: number | null;
  readonly ended: number;
  /** Of those, without a known cost. */
  readonly unpriced: number;
  /** For how many seconds it was watched, a minute at most. */
  readonly watchedS: number;
}

interface Second {
  at: number;
  began: number;
  ended: number;
  priced: number;
  costUsd: number;
}

export class LiveCalls {
  #rows: Call[] = [];
  /** When each of them was seen first. */
  readonly #open = new Map<string, number>();
  #isOpenAtLeast = false;
  readonly #settled = new Set<string>();
  #seconds: Second[] = [];
  #came = 0;

  constructor(
    private readonly sinceMs: number,
    /** Only what is under way: a call that ends leaves the rows. */
    private readonly isOpenOnly = false,
  ) {}

  /** The newest first. */
  get rows(): readonly Call[] {
    return this.#rows;
  }

  /** How many calls came so far that had not been there. */
  get came(): number {
    return this.#came;
  }

  /** Calls that opened or ended just now, in the order in which they did. */
  happened(calls: readonly Call[], nowMs: number): void {
    const second = this.#second(nowMs);
    const news = new Map<string, Call>();
    for (const call of calls) {
      if (isOpen(call) ? this.#opened(call, nowMs) : this.#ended(call, second)) second.began += 1;
      if (!isOpen(call) || !this.#settled.has(call.id)) news.set(call.id, call);
    }
    this.#put(news, true);
  }

  /** Calls that were there before. */
  known(calls: readonly Call[], nowMs: number): void {
    for (const call of calls) if (isOpen(call)) this.#opened(call, nowMs);
    this.#put(
      new Map(
        calls.filter((call) => !isOpen(call) || this.#open.has(call.id)).map((call) => [call.id, call]),
      ),
      false,
    );
  }

  /**
   * All that were open when it was asked, or the newest of them: others have ended unseen.
   * Says which rows have to be asked for, since nothing tells of their end any more.
   */
  openNow(calls: readonly Call[], isAll: boolean, askedMs: number): string[] {
    this.known(calls, askedMs);
    this.#isOpenAtLeast = !isAll;
    const listed = new Set(calls.map(({ id }) => id));
    const oldest = isAll ? "" : (calls.at(-1)?.id ?? "");
    const gone: string[] = [];
    for (const [id, seenMs] of this.#open) {
      if (!listed.has(id) && seenMs < askedMs - GRACE_MS && (isAll || newestFirst(id, oldest) < 0))
        gone.push(id);
    }
    for (const id of gone) this.#open.delete(id);
    if (this.isOpenOnly) this.#rows = this.#rows.filter((call) => this.#open.has(call.id));
    return this.#rows.filter((call) => isOpen(call) && !this.#open.has(call.id)).map(({ id }) => id);
  }

  totals(nowMs: number): Totals {
    const watchedS = Math.min(Math.floor((nowMs - this.sinceMs) / SECOND_MS), COST_S);
    const now = Math.floor(nowMs / SECOND_MS);
    const sums = { began: 0, ended: 0, priced: 0, costUsd: 0 };
    const rateS = Math.min(watchedS, RATE_S);
    for (const one of this.#seconds) {
      // The second that runs is not over yet, so it does not count for a rate.
      if (one.at < now && one.at >= now - rateS) sums.began += one.began;
      if (one.at <= now - COST_S) continue;
      sums.ended += one.ended;
      sums.priced += one.priced;
      sums.costUsd += one.costUsd;
    }
    return {
      callsPerSecond: rateS > 0 ? sums.began / rateS : null,
      open: this.#open.size,
      isOpenAtLeast: this.#isOpenAtLeast || this.#open.size >= OPEN_MAX,
      costUsd: sums.priced > 0 || sums.ended === 0 ? sums.costUsd : null,
      ended: sums.ended,
      unpriced: sums.ended - sums.priced,
      watchedS,
    };
  }

  /** Whether it is new. */
  #opened({ id }: Call, nowMs: number): boolean {
    if (this.#settled.has(id) || this.#open.has(id)) return false;
    if (this.#open.size < OPEN_MAX) this.#open.set(id, nowMs);
    return true;
  }

  /** Whether nobody saw it open before. */
  #ended(call: Call, second: Second): boolean {
    const wasOpen = this.#open.delete(call.id);
    const isNew = !this.#settled.has(call.id);
    if (!isNew) return false;
    this.#settled.add(call.id);
    if (this.#settled.size > SETTLED_MAX)
      for (const first of this.#settled) {
        this.#settled.delete(first);
        break;
      }
    const { costUsd } = figuresOf(call);
    second.ended += 1;
    if (costUsd !== null) {
      second.priced += 1;
      second.costUsd += costUsd;
    }
    return !wasOpen;
  }

  #put(news: Map<string, Call>, isCounted: boolean): void {
    if (news.size === 0) return;
    const rows: Call[] = [];
    for (const row of this.#rows) {
      const next = news.get(row.id);
      news.delete(row.id);
      const call = next === undefined || (isOpen(next) && !isOpen(row)) ? row : next;
      if (!this.isOpenOnly || isOpen(call)) rows.push(call);
    }
    const added = [...news.values()].filter((call) => !this.isOpenOnly || isOpen(call));
    if (isCounted) this.#came += added.length;
    if (added.length > 0) {
      rows.push(...added);
      rows.sort((a, b) => newestFirst(a.id, b.id));
    }
    this.#rows = rows.slice(0, ROWS_MAX);
  }

  #second(nowMs: number): Second {
    const at = Math.floor(nowMs / SECOND_MS);
    const last = this.#seconds.at(-1);
    if (last?.at === at) return last;
    const made: Second = { at, began: 0, ended: 0, priced: 0, costUsd: 0 };
    this.#seconds.push(made);
    this.#seconds = this.#seconds.filter((one) => one.at > at - COST_S - 1);
    return made;
  }
}
