/** The calls that a view asks for, as a list that is read on while somebody scrolls. */

import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { type ApiError, get, getListed, type Listed } from "@/api/client";
import { REFRESH_MS } from "@/api/hooks";
import { type Call, isOpen, newestFirst } from "@/pure/calls";
import { type Paged, type Place, rowAt } from "@/pure/paged";
import { CallList, PAGE_ROWS, type Standing } from "./call-list";

const LOGS = "/admin/logs";
const PENDING_MS = 3_000;
/** Open calls in view that are looked at again at once. */
const RENEWED_MAX = 20;

const ask = (place: Place, signal: AbortSignal) => getListed(LOGS, { query: place as object, signal });

interface Options {
  /** The parameters that make this list and no other; with both ends of a range that stays as it is. */
  readonly query: Place;
  /** The range, where it ends now: its beginning moves on without making this another list. */
  readonly range: string | null;
  readonly since: string | undefined;
  /** Whether newer calls may come. */
  readonly isTail: boolean;
  /** Whether the top of the list is in view. */
  readonly isAtTop: () => boolean;
}

export interface CallsListed {
  readonly standing: Standing;
  /** The first page: pending, failed, or there. */
  readonly head: {
    readonly isPending: boolean;
    readonly error: ApiError | null;
    readonly refetch: () => unknown;
  };
  /** How many are newer than the list. */
  readonly fresh: number;
  readonly showFresh: () => void;
  readonly onView: (first: number, last: number) => void;
  readonly again: () => void;
}

export function useCallList({ query, range, since, isTail, isAtTop }: Options): CallsListed {
  const asked = { limit: String(PAGE_ROWS), ...query };
  const key = JSON.stringify({ range, asked });
  const from = useRef(since);
  useEffect(() => {
    from.current = since;
  }, [since]);

  const list = useMemo(() => new CallList((JSON.parse(key) as { asked: Place }).asked, ask), [key]);
  const standing = useSyncExternalStore(list.subscribe, list.standing);
  useEffect(() => () => list.stop(), [list]);

  const head = useQuery<Listed<Call[]>, ApiError>({
    queryKey: [LOGS, "newest", key],
    queryFn: ({ signal }) =>
      ask({ ...asked, ...(from.current === undefined ? {} : { from: from.current }) }, signal),
    refetchInterval: isTail ? REFRESH_MS : false,
    placeholderData: () => undefined,
    structuralSharing: false,
  });

  const view = useRef({ first: 0, last: 0 });
  const { data } = head;
  useEffect(() => {
    if (data !== undefined) list.offer(data, isAtTop());
  }, [data, list, isAtTop]);

  const onView = useCallback(
    (first: number, last: number) => {
      view.current = { first, last };
      list.look(first, last);
    },
    [list],
  );
  const showFresh = useCallback(() => {
    if (data !== undefined) list.top(data);
  }, [data, list]);
  const again = useCallback(() => list.again(), [list]);
  useRenewed(list, view);

  const { begun } = standing;
  const newest = begun?.rows[0]?.id;
  const fresh =
    data === undefined || newest === undefined || begun === data
      ? 0
      : data.rows.filter(({ id }) => newestFirst(id, newest) < 0).length;
  const isPending = begun === null && head.error === null;
  return {
    standing,
    head: { isPending, error: head.error, refetch: head.refetch },
    fresh,
    showFresh,
    onView,
    again,
  };
}

/** Looks at the open calls in view again until they end. */
function useRenewed(list: CallList, view: { readonly current: { first: number; last: number } }): void {
  useEffect(() => {
    const asking = new AbortController();
    let isAsking = false;
    const renew = async () => {
      const open = openIn(list.standing().paged, view.current).slice(0, RENEWED_MAX);
      if (open.length === 0 || isAsking || document.hidden) return;
      isAsking = true;
      const one = ({ id }: Call) => get("/admin/logs/{id}", { path: { id }, signal: asking.signal });
      const found = await Promise.allSettled(open.map(one));
      isAsking = false;
      if (!asking.signal.aborted)
        list.renew(found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
    };
    const timer = setInterval(() => void renew(), PENDING_MS);
    return () => {
      clearInterval(timer);
      asking.abort();
    };
  }, [list, view]);
}

function openIn(paged: Paged<Call>, { first, last }: { first: number; last: number }): Call[] {
  const found: Call[] = [];
  for (let row = first; row <= last; row++) {
    const call = rowAt(paged, row);
    if (call !== undefined && isOpen(call)) found.push(call);
  }
  return found;
}
