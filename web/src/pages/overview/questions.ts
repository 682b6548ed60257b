/**
 * Everything that the overview asks.
 *
 *   totals ── of the range, of as long before, and of the last 24 h (the same, if that is the range)
 *   models ── and those before, since only their number says how many are active
 *   times ─── percentiles and ends of calls, by interval; by the hour it is the heat map's, too
 *   ways, ends, exchange ── streamed or not; outcomes; error types and origins
 *
 * All of them are sums, so an answer has a line per model or interval, however many calls there are.
 */

import { REFRESH_MS, useAsked } from "@/api/hooks";
import { useReport } from "@/api/report";
import { useFilters } from "@/app/filters";
import { useNow, useView } from "@/app/view";
import { hasPercentiles, isFiltered } from "@/pure/filters";
import { before, intervalOf, moment, rangeOf } from "@/pure/range";

export function useTotals(range: { from: number; to: number }, enabled = true) {
  const { zone } = useView();
  const { filters } = useFilters();
  return useReport({ range, zone, filters, percentiles: hasPercentiles(filters) }, { enabled });
}

/** When the first call of all began; `null`: there is none, or it is not known yet. */
export function useFirst(): number | null {
  const first = useAsked("/admin/stats", {}, { refetchInterval: false }).data?.first_request_at ?? null;
  return first === null ? null : Date.parse(first);
}

/** As long a time just before; compared with it is only where the books have all of it. */
export function useBefore() {
  const { range } = useView();
  const first = useFirst();
  const earlier = before(range);
  return { range: earlier, isThere: first !== null && first <= earlier.from };
}

/** Up to now, whatever the range is. */
export function useLastDay() {
  const day = rangeOf({ range: "1d" }, useNow(REFRESH_MS), null);
  const first = useFirst();
  const isThere = first !== null && first <= before(day).from;
  return { day: useTotals(day), before: useTotals(before(day), isThere), isThere };
}

export function useModels(
  range: { from: number; to: number },
  options: { percentiles: boolean; enabled?: boolean },
) {
  const { zone } = useView();
  const { filters } = useFilters();
  return useReport(
    { range, zone, filters, by: ["model"], percentiles: options.percentiles },
    { enabled: options.enabled ?? true },
  );
}

export function useTimes() {
  const { range, zone } = useView();
  const { filters } = useFilters();
  return useReport({
    range,
    zone,
    filters,
    interval: intervalOf(range),
    percentiles: hasPercentiles(filters),
  });
}

export function useBy(dimension: "streamed" | "outcome") {
  const { range, zone } = useView();
  const { filters } = useFilters();
  return useReport({ range, zone, filters, by: [dimension] });
}

/** Error types and origins; of all calls, since filters do not reach them. */
export function useExchange() {
  const { range } = useView();
  const { filters } = useFilters();
  const { streamed, ...others } = filters;
  const isKnown = !isFiltered(others);
  const answer = useAsked(
    "/metrics",
    { query: { format: "json", start: moment(range.from), end: moment(range.to) } },
    { enabled: isKnown },
  );
  return { answer, isKnown, streamed };
}
