/**
 * The list behind the page: reads on when its end comes near, keeps what is around the view, and says how it stands.
 *
 *   top(rows)   what the newest page has now          ┐
 *   look(a, b)  these rows are in view                ├──►  standing: pages, loading, error, …
 *   renew(rows) what is known better of some of them  ┘
 */

import type { Listed } from "@/api/client";
import { type Call, above } from "@/pure/calls";
import {
  countOf,
  forgetFar,
  nothingYet,
  pageAt,
  type Paged,
  type Place,
  renewed,
  withNext,
  withRows,
} from "@/pure/paged";

export const PAGE_ROWS = 100;
/** Browsers draw nothing taller than some millions of pixels. */
export const LIST_MAX = 100_000;
/** Rows before the end at which it is read on. */
const AHEAD = 60;
/** Pages that are kept on both sides of the view. */
const AROUND = 5;
/** Answers in a row without a match, after which somebody has to want more. */
const EMPTY_MAX = 20;

export interface Standing {
  readonly paged: Paged<Call>;
  /** The newest page that it begins with; `null`: none came yet. */
  readonly begun: Listed<Call[]> | null;
  readonly isLoading: boolean;
  readonly error: unknown;
  /** The id down to which it was looked without a match; `null`: the last answer had some. */
  readonly searchedTo: string | null;
  /** It was looked through so many of them that older ones are only looked at when asked for. */
  readonly isTired: boolean;
  /** It is as long as a list may be. */
  readonly isFull: boolean;
}

const FRESH = { searchedTo: null, isTired: false, isFull: false };

export type Ask = (place: Place, signal: AbortSignal) => Promise<Listed<Call[]>>;

export class CallList {
  #standing: Standing;
  #view = { first: 0, last: 0 };
  #empty = 0;
  #asking: AbortController | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly query: Place,
    private readonly ask: Ask,
    private readonly most = LIST_MAX,
  ) {
    this.#standing = { paged: nothingYet(query), begun: null, isLoading: false, error: null, ...FRESH };
  }

  readonly standing = (): Standing => this.#standing;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The newest page as it is by now: a list that is looked at further down is left as it is. */
  offer(head: Listed<Call[]>, isAtTop: boolean): void {
    const { begun } = this.#standing;
    if (begun !== head && (begun === null || isAtTop)) this.top(head);
  }

  /** Begin anew with the newest page. */
  top(head: Listed<Call[]>): void {
    this.stop();
    const { rows, next } = head;
    const first = rows[0];
    // By its first id, so that the page stays the same when newer calls come.
    const place = first === undefined ? this.query : { ...this.query, before: above(first.id) };
    this.#empty = 0;
    const paged = withNext(nothingYet<Call>(place), rows, next);
    this.#change({ paged, begun: head, error: null, ...FRESH, searchedTo: searched(rows, next) });
    this.#go();
  }

  /** These rows are in view. */
  look(first: number, last: number): void {
    this.#view = { first, last };
    this.#go();
  }

  renew(calls: readonly Call[]): void {
    this.#change({ paged: renewed(this.#standing.paged, (a, b) => a.id === b.id, calls) });
  }

  /** Once more, after an error or many answers without a match. */
  again(): void {
    this.#empty = 0;
    this.#change({ error: null, isTired: false });
    this.#go();
  }

  /** Ends what is being asked. */
  stop(): void {
    this.#asking?.abort();
    this.#asking = null;
    if (this.#standing.isLoading) this.#change({ isLoading: false });
  }

  /** Asks for what is needed next, one thing at a time. */
  #go(): void {
    if (this.#asking !== null || this.#standing.error !== null) return;
    const { paged } = this.#standing;
    const [first, last] = [pageAt(paged, this.#view.first).page, pageAt(paged, this.#view.last).page];
    const kept = forgetFar(paged, first, last, AROUND);
    if (kept !== paged) this.#change({ paged: kept });
    const forgotten = kept.pages.findIndex(({ rows }, n) => rows === null && n >= first && n <= last);
    const page = kept.pages[forgotten];
    if (page !== undefined) {
      void this.#asked(page.place, ({ rows }) => ({
        paged: withRows(this.#standing.paged, forgotten, rows),
      }));
      return;
    }
    const count = countOf(kept);
    if (kept.next === null || count - this.#view.last > AHEAD) return;
    if (count >= this.most) return this.#change({ isFull: true });
    if (this.#empty >= EMPTY_MAX) return this.#change({ isTired: true });
    void this.#asked(kept.next, ({ rows, next }) => {
      this.#empty = rows.length === 0 ? this.#empty + 1 : 0;
      return { paged: withNext(this.#standing.paged, rows, next), searchedTo: searched(rows, next) };
    });
  }

  async #asked(place: Place, change: (found: Listed<Call[]>) => Partial<Standing>): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    this.#change({ isLoading: true });
    try {
      const found = await this.ask(place, asking.signal);
      if (this.#asking !== asking) return;
      this.#asking = null;
      this.#change({ ...change(found), isLoading: false });
      this.#go();
    } catch (error) {
      if (this.#asking !== asking) return;
      this.#asking = null;
      this.#change({ error, isLoading: false });
    }
  }

  #change(some: Partial<Standing>): void {
    this.#standing = { ...this.#standing, ...some };
    for (const listener of this.#listeners) listener();
  }
}

function searched(rows: readonly Call[], next: Place | null): string | null {
  return rows.length === 0 ? (next?.before ?? null) : null;
}
