/** Questions for `/admin/usage/report`: the same question is asked once, whoever needs its answer. */

import type { Dimension, Filters } from "@/pure/filters";
import type { Interval, Range } from "@/pure/range";
import { moment } from "@/pure/range";
import { useAsked } from "./hooks";
import type { ReportLine } from "./schema";

export type { ReportLine };

interface Question {
  readonly range: Range;
  /** The IANA zone in which days begin. */
  readonly zone: string;
  readonly filters: Filters;
  readonly by?: readonly Dimension[];
  readonly interval?: Interval | undefined;
  /** Of latencies; they are known by provider and model alone. */
  readonly percentiles?: boolean;
}

export function useReport(
  { range, zone, filters, by = [], interval, percentiles = false }: Question,
  options: { enabled?: boolean; refetchInterval?: number | false } = {},
) {
  const query = {
    from: moment(range.from),
    to: moment(range.to),
    tz: zone,
    ...filters,
    ...(by.length > 0 ? { group_by: by.join(",") } : {}),
    ...(interval === undefined ? {} : { interval: interval as "hour" }),
    ...(percentiles ? { percentiles } : {}),
  };
  return useAsked("/admin/usage/report", { query }, options);
}
