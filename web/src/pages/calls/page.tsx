/** Every call in the books, one by one: filtered, in a list without an end, and each as a whole in a drawer. */

import { useCallback, useMemo, useRef } from "react";
import { useAsked } from "@/api/hooks";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { rangeName } from "@/app/search";
import { useFormat, useUrl, useView } from "@/app/view";
import { Button } from "@/parts/button";
import { PageHead } from "@/parts/page";
import { Empty, Failure, Loading } from "@/parts/states";
import { type CallFilterName, callFiltersOf, changeOf, cleared, queryOf } from "@/pure/call-filters";
import { beganAt } from "@/pure/calls";
import { countOf, type Place, rowAt } from "@/pure/paged";
import { CallTable } from "./call-table";
import { ColumnChoice, useColumns } from "./column-choice";
import type { Pen } from "./columns";
import { CallDrawer } from "./drawer";
import { CallFilterBar } from "./filter-bar";
import { FirstCall } from "./first-call";
import { Foot } from "./foot";
import { useCallList } from "./use-call-list";

/** Still the top of the list, in pixels. */
const TOP_PX = 16;

export default function Page() {
  const words = useWords();
  const format = useFormat();
  const nameOf = useNames();
  const [search, change] = useUrl();
  const { asked } = useView();
  const { columns, names, choose } = useColumns();
  const frame = useRef<HTMLDivElement>(null);

  const range = rangeName(search);
  const filters = callFiltersOf(search);
  const { before } = search;
  const query: Place = {
    ...queryOf(filters),
    ...(before === undefined ? {} : { before }),
    ...(range === "custom" ? { from: asked.from, to: asked.to } : {}),
  };
  const listed = useCallList({
    query,
    range: range === "custom" ? null : range,
    since: range === "custom" || range === "all" ? undefined : asked.from,
    isTail: range !== "custom" && before === undefined,
    isAtTop: useCallback(() => (frame.current?.scrollTop ?? 0) < TOP_PX, []),
  });
  const { standing, head, fresh } = listed;
  const { paged } = standing;
  const count = countOf(paged);

  const pen = useMemo<Pen>(
    () => ({ format, words, nameOf, stoppedAt: null, isToday: false }),
    [format, words, nameOf],
  );
  const callAt = useCallback((row: number) => rowAt(paged, row), [paged]);
  const open = useCallback((id: string | undefined) => change({ call: id }), [change]);
  const filter = useCallback(
    (name: CallFilterName, value: string) => change(changeOf(name, value)),
    [change],
  );
  const openRow = useMemo(() => {
    if (search.call === undefined) return -1;
    for (let row = 0; row < count; row++) if (rowAt(paged, row)?.id === search.call) return row;
    return -1;
  }, [paged, count, search.call]);

  const isEmpty = !head.isPending && count === 0 && paged.next === null;
  return (
    <>
      <PageHead title={words.app.pages.calls} about={words.calls.about}>
        <ColumnChoice names={names} choose={choose} />
      </PageHead>
      <CallFilterBar>
        {before !== undefined && (
          <button
            type="button"
            className="chip"
            aria-label={words.calls.list.newest}
            onClick={() => change({ before: undefined })}
          >
            {words.calls.filter.before(format.moment(momentOf(before)))} <span aria-hidden="true">×</span>
          </button>
        )}
        {fresh > 0 && (
          <Button
            className="small"
            onClick={() => {
              listed.showFresh();
              frame.current?.scrollTo({ top: 0 });
            }}
          >
            {words.calls.list.fresh(format.count(fresh))}
          </Button>
        )}
      </CallFilterBar>
      {head.error !== null && <Failure error={head.error} again={() => void head.refetch()} />}
      {head.isPending ? (
        <Loading />
      ) : isEmpty ? (
        head.error === null && <Nothing isFiltered={Object.keys(filters).length > 0} />
      ) : (
        <CallTable
          label={words.calls.table}
          columns={columns}
          count={count}
          callAt={callAt}
          pen={pen}
          pick={open}
          filter={filter}
          openRow={openRow}
          isFollowed
          frame={frame}
          onView={listed.onView}
          foot={
            <Foot
              standing={standing}
              again={listed.again}
              goOn={(id) => {
                change({ before: id });
                frame.current?.scrollTo({ top: 0 });
              }}
            />
          }
        />
      )}
      {search.call !== undefined && (
        <CallDrawer
          id={search.call}
          newer={openRow > 0 ? callAt(openRow - 1)?.id : undefined}
          older={openRow >= 0 ? callAt(openRow + 1)?.id : undefined}
          open={open}
        />
      )}
    </>
  );
}

/** The moment in an id, or none if somebody wrote something else there. */
function momentOf(id: string): number | null {
  return /^\d{1,19}$/.test(id) ? beganAt(id) : null;
}

/** Nothing in the books, or nothing that matches. */
function Nothing({ isFiltered }: { isFiltered: boolean }) {
  const words = useWords();
  const [, change] = useUrl();
  const stats = useAsked("/admin/stats");
  if (stats.data !== undefined && stats.data.last_request_at === null) return <FirstCall />;
  return (
    <Empty title={words.calls.noMatch.title}>
      {isFiltered && <p>{words.calls.noMatch.filters}</p>}
      <p>{words.calls.noMatch.range}</p>
      {isFiltered && <Button onClick={() => change(cleared())}>{words.app.filters.clear}</Button>}
    </Empty>
  );
}
