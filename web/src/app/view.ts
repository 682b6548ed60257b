/** The view that a URL asks for: its range of time, its zone, and how figures are written in it. */

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState } from "react";
import { REFRESH_MS, useAsked } from "@/api/hooks";
import { type Format, formatOf } from "@/pure/format";
import { moment, type Range, rangeOf } from "@/pure/range";
import { usePreferences } from "./preferences";
import { rangeName, type Search, SHARED } from "./search";

/** A timer may be a little early; this is past the beginning of an interval. */
const LATE_MS = 5;

export const LOCAL_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The search of the URL, and a way to change some of it: `undefined` takes a parameter away. */
export function useUrl(): [Search, (change: Search, options?: { replace?: boolean }) => void] {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const change = useCallback(
    (some: Search, { replace = false } = {}) => {
      void navigate({
        to: ".",
        replace,
        search: ((now: Search) => ({ ...now, ...some })) as never,
      });
    },
    [navigate],
  );
  return [search, change];
}

/** What another page takes along of this one's URL. */
export function shared(search: Search): Search {
  return Object.fromEntries(SHARED.map((name) => [name, search[name]]));
}

export interface View {
  readonly range: Range;
  /** The range as reports want it: `{ from, to, tz }`. */
  readonly asked: { readonly from: string; readonly to: string; readonly tz: string };
  readonly zone: string;
  readonly isLocal: boolean;
}

/** The range that the URL asks for; of a preset it moves on every half minute. */
export function useView(): View {
  const [search] = useUrl();
  const name = rangeName(search);
  const now = useNow(REFRESH_MS);
  const stats = useAsked("/admin/stats", {}, { enabled: name === "all" });
  const since = stats.data?.first_request_at ?? null;
  const isLocal = search.tz === "local";
  const zone = isLocal ? LOCAL_ZONE : "UTC";
  const { from, to } = rangeOf(
    { range: name, from: search.from, to: search.to },
    now,
    since === null ? null : Date.parse(since),
  );
  return useMemo(
    () => ({ range: { from, to }, asked: { from: moment(from), to: moment(to), tz: zone }, zone, isLocal }),
    [from, to, zone, isLocal],
  );
}

/** The time, every so many milliseconds; for all parts of a page at once, so that they ask the same. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const next = () => setTimeout(tick, everyMs - (Date.now() % everyMs) + LATE_MS);
    const tick = () => {
      setNow(Date.now());
      timer = next();
    };
    let timer = next();
    return () => clearTimeout(timer);
  }, [everyMs]);
  return now;
}

/** How figures and moments are written in this view. */
export function useFormat(): Format {
  const { language } = usePreferences();
  const [search] = useUrl();
  const zone = search.tz === "local" ? LOCAL_ZONE : "UTC";
  return useMemo(() => formatOf(language, zone), [language, zone]);
}
