/**
 * What a live view is told, from the first call that is there to the last that came.
 *
 *   /admin/live  ──open, settle──►  queue  ──a frame──►  LiveCalls  ──►  shown
 *   /admin/logs  ──what was there before, and what is open──►
 *
 * However many events come, there is one drawing per frame.  A page that nobody looks at gives its place
 * free after a while.  `EventSource` comes back by itself, but for an answer that is none; then it is asked
 * why, and tried again as long as that may pass.
 */

import { ApiError, addressOf, get, getListed, probe } from "@/api/client";
import { queries } from "@/api/hooks";
import type { Call } from "@/pure/calls";
import { LiveCalls, type Totals } from "@/pure/live-calls";
import type { Place } from "@/pure/paged";

export type Connection = "connecting" | "live" | "reconnecting" | "full" | "denied" | "failed" | "asleep";

export interface Shown {
  readonly rows: readonly Call[];
  readonly totals: Totals;
  /** Calls that came since the view was opened. */
  readonly came: number;
  readonly connection: Connection;
  /** The API's own words about why there is no connection. */
  readonly error: ApiError | null;
  /** Events that are missing, and since when; `null` events: nobody knows how many. */
  readonly lagged: { readonly count: number | null; readonly atMs: number } | null;
  /** Whether what was there before is known. */
  readonly isFilled: boolean;
}

export interface Wanted {
  /** The parameters of `/admin/live`. */
  readonly query: Place;
  /** Only what is under way. */
  readonly isOpenOnly: boolean;
}

const QUEUE_MAX = 1_000;
const TICK_MS = 1_000;
const HIDDEN_FLUSH_MS = 1_000;
const LISTED = "200";
const OPEN_EVERY_MS = 30_000;
const AGAIN_MS = 10_000;
const ASLEEP_AFTER_MS = 60_000;
const LOOKED_UP_MAX = 20;
/** So long a connection may be gone before it is worth a word. */
const CALM_MS = 2_500;
const LAGGED_MS = 60_000;

export class LiveStream {
  #calls: LiveCalls;
  #shown: Shown;
  #queue: Call[] = [];
  #source: EventSource | null = null;
  #asking = new AbortController();
  #frame: number | undefined;
  #isRunning = false;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #listeners = new Set<() => void>();

  constructor(private readonly wanted: Wanted) {
    this.#calls = this.#newCalls();
    this.#shown = {
      rows: [],
      totals: this.#calls.totals(Date.now()),
      came: 0,
      connection: "connecting",
      error: null,
      lagged: null,
      isFilled: false,
    };
  }

  readonly shown = (): Shown => this.#shown;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    document.addEventListener("visibilitychange", this.#looked);
    this.#connect();
    this.#every(TICK_MS, () => this.#flush());
    this.#every(OPEN_EVERY_MS, () => void this.#askOpen());
  }

  stop(): void {
    this.#isRunning = false;
    document.removeEventListener("visibilitychange", this.#looked);
    this.#disconnect();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Once more, after it was refused. */
  again(): void {
    this.#disconnect();
    this.#connect();
  }

  #newCalls(): LiveCalls {
    return new LiveCalls(Date.now(), this.wanted.isOpenOnly);
  }

  #connect(): void {
    this.#asking = new AbortController();
    this.#tell({ connection: "connecting", error: null });
    const source = new EventSource(addressOf("/admin/live", { query: this.wanted.query }));
    this.#source = source;
    let hasBeen = false;
    source.addEventListener("open", (event) => {
      // A call that opens is an event of the same name.
      if (event instanceof MessageEvent) return;
      this.#tell({ connection: "live", error: null });
      if (!hasBeen) void this.#fill();
      hasBeen = true;
    });
    for (const kind of ["open", "settle"] as const) {
      source.addEventListener(kind, (event) => {
        if (event instanceof MessageEvent) this.#take(JSON.parse(String(event.data)) as Call);
      });
    }
    source.addEventListener("lagged", (event) => {
      const { skipped } = JSON.parse(String((event as MessageEvent).data)) as { skipped: number | null };
      this.#tell({ lagged: { count: skipped, atMs: Date.now() } });
      void this.#fill();
    });
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      if (source.readyState === EventSource.CLOSED) void this.#askWhy();
      else this.#in(CALM_MS, () => this.#tellGone(source));
    });
  }

  #disconnect(): void {
    this.#source?.close();
    this.#source = null;
    this.#asking.abort();
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    this.#queue = [];
  }

  /** Every quarter of an hour a connection ends and comes back at once: no word of that. */
  #tellGone(source: EventSource): void {
    if (source === this.#source && source.readyState === EventSource.CONNECTING)
      this.#tell({ connection: "reconnecting" });
  }

  /** An `EventSource` does not tell what was answered. */
  async #askWhy(): Promise<void> {
    const { signal } = this.#asking;
    let error: ApiError | null = null;
    try {
      await probe("/admin/live", { query: this.wanted.query as object, signal });
    } catch (caught) {
      error = caught instanceof ApiError ? caught : null;
    }
    if (signal.aborted) return;
    const connection = connectionOf(error);
    this.#tell({ connection, error });
    if (connection === "denied") void queries.invalidateQueries({ queryKey: ["/admin/session"] });
    if (connection === "denied" || connection === "failed") return;
    this.#in((error?.retryAfterS ?? AGAIN_MS / 1000) * 1000, () => {
      if (!signal.aborted) this.again();
    });
  }

  #take(call: Call): void {
    this.#queue.push(call);
    if (this.#queue.length >= QUEUE_MAX) this.#flush();
    else if (this.#frame === undefined) {
      // A page that is not shown has no frames.
      if (document.hidden) this.#in(HIDDEN_FLUSH_MS, () => this.#flush());
      else this.#frame = requestAnimationFrame(() => this.#flush());
    }
  }

  #flush(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    const now = Date.now();
    if (this.#queue.length > 0) {
      const queue = this.#queue;
      this.#queue = [];
      this.#calls.happened(queue, now);
    }
    const { lagged } = this.#shown;
    this.#tell({ ...(lagged !== null && now - lagged.atMs > LAGGED_MS ? { lagged: null } : {}) });
  }

  /** What was there before, and what is missing after a gap. */
  async #fill(): Promise<void> {
    const { signal } = this.#asking;
    const { wanted } = this;
    try {
      if (!wanted.isOpenOnly) {
        const { rows } = await getListed("/admin/logs", {
          query: { ...wanted.query, limit: LISTED } as object,
          signal,
        });
        this.#calls.known(rows, Date.now());
      }
      await this.#askOpen();
      this.#tell({ isFilled: true });
    } catch {
      // Then the view begins with what comes from now on.
      if (!signal.aborted) this.#tell({ isFilled: true });
    }
  }

  /** Which calls are open: their ends may have gone by unseen. */
  async #askOpen(): Promise<void> {
    const { signal } = this.#asking;
    const { outcome, status_min, status_max, ...query } = this.wanted.query;
    // Calls that are open have no status, and of those with another outcome none is open.
    if ((outcome ?? status_min ?? status_max) !== undefined || this.#source === null) return;
    const askedMs = Date.now();
    try {
      const open = { ...query, outcome: "pending", limit: LISTED } as object;
      const { rows, next } = await getListed("/admin/logs", { query: open, signal });
      const ended = this.#calls.openNow(rows, next === null, askedMs).slice(0, LOOKED_UP_MAX);
      const found = await Promise.allSettled(
        ended.map((id) => get("/admin/logs/{id}", { path: { id }, signal })),
      );
      if (signal.aborted) return;
      this.#calls.known(
        found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])),
        Date.now(),
      );
      this.#flush();
    } catch {
      // The next time will tell.
    }
  }

  readonly #looked = (): void => {
    if (!document.hidden) {
      if (this.#shown.connection === "asleep") {
        this.#calls = this.#newCalls();
        this.#connect();
      }
      return;
    }
    this.#in(ASLEEP_AFTER_MS, () => {
      if (!document.hidden || this.#source === null) return;
      this.#disconnect();
      this.#tell({ connection: "asleep" });
    });
  };

  #tell(some: Partial<Shown>): void {
    const totals = this.#calls.totals(Date.now());
    this.#shown = { ...this.#shown, rows: this.#calls.rows, came: this.#calls.came, totals, ...some };
    for (const listener of this.#listeners) listener();
  }

  #in(ms: number, step: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      step();
    }, ms);
    this.#timers.add(timer);
  }

  #every(ms: number, step: () => void): void {
    this.#in(ms, () => {
      step();
      if (this.#isRunning) this.#every(ms, step);
    });
  }
}

/** What an answer means for somebody who wants to watch. */
export function connectionOf(error: ApiError | null): Connection {
  if (error === null) return "reconnecting";
  if (error.code === "TOO_MANY_LISTENERS") return "full";
  if (error.status === 401 || error.status === 403) return "denied";
  return error.status >= 400 && error.status < 500 ? "failed" : "reconnecting";
}
