/** What a page about usage counts: dollars, calls or tokens; in its URL. */

import type { ReportLine } from "@/api/report";
import type { Known } from "@/pure/format";
import { useFormat, useUrl } from "./view";

export const MEASURES = ["cost", "calls", "tokens"] as const;
export type MeasureName = (typeof MEASURES)[number];

export interface Measure {
  readonly name: MeasureName;
  /** The field of a report's line. */
  readonly figure: keyof ReportLine & ("cost_usd" | "calls" | "total_tokens");
  readonly say: (value: Known) => string;
}

export function useMeasure(): [Measure, (name: MeasureName) => void] {
  const format = useFormat();
  const [search, change] = useUrl();
  const name = MEASURES.find((one) => one === search.measure) ?? "cost";
  const measure: Measure = {
    cost: { name, figure: "cost_usd" as const, say: format.usd },
    calls: { name, figure: "calls" as const, say: format.short },
    tokens: { name, figure: "total_tokens" as const, say: format.short },
  }[name];
  return [measure, (one) => change({ measure: one === "cost" ? undefined : one }, { replace: true })];
}
