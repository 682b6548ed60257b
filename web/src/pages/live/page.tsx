/** Calls as they begin and end: a list that stays calm, with what they add up to. */

import { Link } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { shared, useFormat, useUrl } from "@/app/view";
import { columnsOf, type ColumnName, type Pen } from "@/pages/calls/columns";
import { CallDrawer } from "@/pages/calls/drawer";
import { CallFilterBar } from "@/pages/calls/filter-bar";
import { FirstCall } from "@/pages/calls/first-call";
import { CallTable } from "@/pages/calls/call-table";
import { Badge, type Tone } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Kpi, Kpis } from "@/parts/kpi";
import { PageHead } from "@/parts/page";
import { Empty, Loading, said } from "@/parts/states";
import { useAsked } from "@/api/hooks";
import { type CallFilterName, callFiltersOf, changeOf, cleared, queryOf } from "@/pure/call-filters";
import { type Call } from "@/pure/calls";
import { COST_S, ROWS_MAX, type Totals } from "@/pure/live-calls";
import type { Place } from "@/pure/paged";
import { type Connection, LiveStream, type Shown, type Wanted } from "./stream";
import "./live.css";

const COLUMNS: readonly ColumnName[] = [
  "time",
  "outcome",
  "status",
  "tool",
  "client",
  "model",
  "provider",
  "input",
  "output",
  "cost",
  "latency",
  "error",
];

/** Moments are of today, so the day is left out. */
const TIME_REM = 6;

/** From here on somebody reads what is not at the top. */
const SCROLLED_PX = 40;

/** What is shown while it is held, and how many calls had come by then. */
interface Held {
  readonly rows: readonly Call[];
  readonly came: number;
  readonly atMs: number;
}

export default function Page() {
  const words = useWords();
  const format = useFormat();
  const nameOf = useNames();
  const [search, change] = useUrl();
  const frame = useRef<HTMLDivElement>(null);
  const filters = callFiltersOf(search);
  const { shown, again } = useLive(filters);
  const [held, setHeld] = useState<{ of: string; held: Held } | null>(null);
  const of = JSON.stringify(filters);
  const now = held?.of === of ? held.held : null;

  const rows = now?.rows ?? shown.rows;
  const stoppedAt = now?.atMs ?? null;
  const hold = useCallback(
    () => setHeld({ of, held: { rows: shown.rows, came: shown.came, atMs: Date.now() } }),
    [of, shown.rows, shown.came],
  );
  const pen = useMemo<Pen>(
    () => ({ format, words, nameOf, stoppedAt, isToday: true }),
    [format, words, nameOf, stoppedAt],
  );
  const columns = useMemo(
    () => columnsOf(COLUMNS).map((one) => (one.name === "time" ? { ...one, width: TIME_REM } : one)),
    [],
  );
  const callAt = useCallback((row: number) => rows[row], [rows]);
  const open = useCallback((id: string | undefined) => change({ call: id }), [change]);
  const filter = useCallback(
    (name: CallFilterName, value: string) => change(changeOf(name, value)),
    [change],
  );
  const openRow = rows.findIndex(({ id }) => id === search.call);
  const came = now === null ? 0 : shown.came - now.came;

  return (
    <div className="live">
      <PageHead title={words.app.pages.live} about={words.live.about}>
        <State shown={shown} again={again} />
        <Button
          aria-pressed={now !== null}
          kind={now === null ? "plain" : "main"}
          onClick={() => (now === null ? hold() : setHeld(null))}
        >
          {now === null ? words.live.pause : words.live.resume}
        </Button>
      </PageHead>
      <Sums totals={shown.totals} />
      <CallFilterBar>
        <p className="live-said" role="status">
          {now !== null && (
            <>
              <strong>{words.live.paused}</strong> {words.live.came(format.count(came))}{" "}
              {came > ROWS_MAX && words.live.more(format.count(ROWS_MAX))}
            </>
          )}
          {shown.lagged !== null && (
            <span className="warn">
              {shown.lagged.count === null
                ? words.live.laggedUnknown
                : words.live.lagged(format.count(shown.lagged.count))}
            </span>
          )}
        </p>
      </CallFilterBar>
      {rows.length > 0 ? (
        <CallTable
          label={words.live.table}
          columns={columns}
          count={rows.length}
          callAt={callAt}
          pen={pen}
          pick={open}
          filter={filter}
          openRow={openRow}
          frame={frame}
          onScrolled={(top) => {
            // Whoever reads further down wants it to stay where it is.
            if (top > SCROLLED_PX && now === null) hold();
          }}
        />
      ) : (
        <Nothing isFiltered={Object.keys(filters).length > 0} shown={shown} />
      )}
      {search.call !== undefined && (
        <CallDrawer
          id={search.call}
          newer={openRow > 0 ? rows[openRow - 1]?.id : undefined}
          older={openRow >= 0 ? rows[openRow + 1]?.id : undefined}
          open={open}
        />
      )}
    </div>
  );
}

/** The stream that the filters ask for; another filter is another stream. */
function useLive(filters: ReturnType<typeof callFiltersOf>): { shown: Shown; again: () => void } {
  const isOpenOnly = filters.outcome === "pending";
  const { outcome, ...others } = filters;
  const query = queryOf({ ...others, ...(outcome === undefined || isOpenOnly ? {} : { outcome }) });
  const key = JSON.stringify({ query, isOpenOnly } satisfies { query: object; isOpenOnly: boolean });
  const stream = useMemo(() => {
    const { query, isOpenOnly } = JSON.parse(key) as { query: Place; isOpenOnly: boolean };
    const wanted: Wanted = { query, isOpenOnly };
    return new LiveStream(wanted);
  }, [key]);
  useEffect(() => {
    stream.start();
    return () => stream.stop();
  }, [stream]);
  const shown = useSyncExternalStore(stream.subscribe, stream.shown);
  const again = useCallback(() => stream.again(), [stream]);
  return { shown, again };
}

const TONES: Record<Connection, Tone> = {
  connecting: "plain",
  live: "good",
  reconnecting: "warn",
  full: "warn",
  denied: "bad",
  failed: "bad",
  asleep: "plain",
};

function State({ shown, again }: { shown: Shown; again: () => void }) {
  const words = useWords();
  const { connection, error } = shown;
  const isOver = connection === "denied" || connection === "failed";
  return (
    <span className="row" role="status">
      <Badge tone={TONES[connection]}>{words.live.state[connection]}</Badge>
      {error !== null && connection !== "reconnecting" && (
        <small className="muted">{said(error, words)}</small>
      )}
      {isOver && (
        <Button className="small" onClick={again}>
          {words.app.retry}
        </Button>
      )}
    </span>
  );
}

function Sums({ totals }: { totals: Totals }) {
  const words = useWords();
  const format = useFormat();
  const names = words.live.totals;
  const notes = [
    names.ended(format.count(totals.ended)),
    ...(totals.unpriced > 0 ? [names.unpriced(format.count(totals.unpriced))] : []),
    ...(totals.watchedS < COST_S ? [names.watched(format.count(totals.watchedS))] : []),
  ];
  return (
    <Kpis>
      <Kpi name={names.rate} value={format.short(totals.callsPerSecond)} note={names.rateNote} />
      <Kpi name={names.open} value={`${totals.isOpenAtLeast ? "≥ " : ""}${format.count(totals.open)}`} />
      <Kpi name={names.cost} value={format.usd(totals.costUsd)} note={notes.join(" · ")} />
    </Kpis>
  );
}

/** Nothing came yet, or there is nobody who could tell. */
function Nothing({ isFiltered, shown }: { isFiltered: boolean; shown: Shown }) {
  const words = useWords();
  const [search, change] = useUrl();
  const stats = useAsked("/admin/stats");
  if (shown.connection === "connecting" || (shown.connection === "live" && !shown.isFilled))
    return <Loading />;
  if (!isFiltered && stats.data !== undefined && stats.data.last_request_at === null) return <FirstCall />;
  return (
    <Empty title={words.live.empty.title}>
      {isFiltered && (
        <>
          <p>{words.live.empty.filtered}</p>
          <Button onClick={() => change(cleared())}>{words.app.filters.clear}</Button>
        </>
      )}
      <Link to="/calls" search={shared(search) as never}>
        {words.app.pages.calls}
      </Link>
    </Empty>
  );
}
