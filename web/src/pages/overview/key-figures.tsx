/** The figures at the top, each with its change against as long before. */

import type { ReportLine } from "@/api/report";
import { useFilters } from "@/app/filters";
import { useWords } from "@/app/preferences";
import { useFormat, useView } from "@/app/view";
import { Badge, type Tone } from "@/parts/badge";
import { Kpi, Kpis } from "@/parts/kpi";
import { Answered } from "@/parts/states";
import { hasPercentiles } from "@/pure/filters";
import { change, type Known, ratio } from "@/pure/format";
import { type Success, successOf, successRate } from "@/pure/success";
import { useBefore, useFirst, useLastDay, useModels, useTotals } from "./questions";

export const SUCCESS_TONES: Record<Success, Tone> = {
  all: "good",
  nearly: "accent",
  most: "warn",
  few: "bad",
};

/** Where no call ended there is no line: nothing was spent, and how long it took nobody knows. */
const NO_CALLS: Sums = { calls: 0, cost_usd: 0, total_tokens: 0 };
type Sums = Pick<ReportLine, "calls" | "cost_usd" | "total_tokens"> & Partial<ReportLine>;

export function KeyFigures() {
  const words = useWords();
  const format = useFormat();
  const { range } = useView();
  const { filters } = useFilters();
  const isExact = hasPercentiles(filters);
  const first = useFirst();
  const before = useBefore();
  const totals = useTotals(range);
  const earlier = useTotals(before.range, before.isThere);
  const models = useModels(range, { percentiles: isExact });
  const modelsEarlier = useModels(before.range, { percentiles: false, enabled: before.isThere });
  const lately = useLastDay();

  const then = before.isThere ? earlier.data && (earlier.data.lines[0] ?? NO_CALLS) : undefined;
  const [from, to] = [format.moment(before.range.from), format.moment(before.range.to)];
  const compared = (now: Known, was: Known, say: (value: Known) => string) =>
    before.isThere ? { change: change(now, was), against: words.overview.against(say(was), from, to) } : {};
  const of = (line: Sums, figure: (line: Sums) => Known, say: (value: Known) => string) => {
    const now = figure(line);
    return { value: say(now), ...compared(now, then && figure(then), say) };
  };
  // What is not known does not change either.
  const ofExact = (line: Sums, figure: (line: Sums) => Known) =>
    isExact ? of(line, figure, format.ms) : { value: format.ms(null) };
  const named = (lines: readonly ReportLine[] | undefined) =>
    lines?.filter(({ model }) => model !== null).length;
  // After a change there is a dot between.
  const beside = (text: string, isCompared = true) => (before.isThere && isCompared ? ` · ${text}` : text);
  const average = (line: Sums, figure: "avg_latency_ms" | "avg_ttft_ms") =>
    beside(words.overview.kpis.average(format.ms(line[figure])), isExact);

  return (
    <Answered query={totals}>
      {({ lines: [line = NO_CALLS] }: { lines: readonly Sums[] }) => {
        const { calls, errors = 0, aborted = 0, metered_calls = 0, priced_calls = 0 } = line;
        const succeeded = calls - errors - aborted;
        const success = successOf(succeeded, calls);
        const unpriced = metered_calls - priced_calls;
        const [day, dayBefore] = [lately.day.data, lately.before.data];
        const [dayCalls, dayCallsBefore] = [day && sumOf(day.lines), dayBefore && sumOf(dayBefore.lines)];
        const count = named(models.data?.lines);
        return (
          <>
            <Kpis>
              <Kpi
                name={words.overview.kpis.cost}
                {...of(line, ({ cost_usd }) => cost_usd, format.usd)}
                note={unpriced > 0 && beside(words.overview.kpis.unpriced(format.count(unpriced)))}
              />
              <Kpi name={words.overview.kpis.calls} {...of(line, (one) => one.calls, format.short)} />
              <Kpi
                name={words.overview.kpis.tokens}
                {...of(line, ({ total_tokens }) => total_tokens, format.short)}
              />
              <Kpi
                name={words.overview.kpis.activeModels}
                value={format.count(count)}
                {...compared(count, named(modelsEarlier.data?.lines), format.count)}
              />
              <Kpi
                name={words.overview.kpis.day}
                value={format.short(dayCalls)}
                {...(lately.isThere ? { change: change(dayCalls, dayCallsBefore) } : {})}
              />
              <Kpi
                name={words.overview.kpis.success}
                value={format.percent(successRate(succeeded, calls))}
                note={
                  success && <Badge tone={SUCCESS_TONES[success]}>{words.overview.success[success]}</Badge>
                }
              />
              <Kpi
                name={words.overview.kpis.errors}
                {...of(line, (one) => ratio(one.errors, one.calls), format.percent)}
                good="down"
                note={aborted > 0 ? beside(words.overview.kpis.aborted(format.short(aborted))) : null}
              />
              <Kpi
                name={words.overview.kpis.p50}
                {...ofExact(line, (one) => one.p50_latency_ms)}
                good="down"
                note={average(line, "avg_latency_ms")}
              />
              <Kpi
                name={words.overview.kpis.p95}
                {...ofExact(line, (one) => one.p95_latency_ms)}
                good="down"
              />
              <Kpi
                name={words.overview.kpis.ttft}
                {...ofExact(line, (one) => one.p50_ttft_ms)}
                good="down"
                note={average(line, "avg_ttft_ms")}
              />
            </Kpis>
            <NoPercentiles />
            {first !== null && range.to > first && (
              <p className="muted hint figures-hint">
                {before.isThere ? words.overview.changes : words.overview.noChanges(format.moment(first))}
              </p>
            )}
          </>
        );
      }}
    </Answered>
  );
}

/** Says why a percentile is not there. */
function NoPercentiles() {
  const words = useWords();
  const { filters } = useFilters();
  if (hasPercentiles(filters)) return null;
  const hiding = Object.entries(filters)
    .filter(([dimension, value]) => !hasPercentiles({ [dimension]: value }))
    .map(([dimension]) => words.app.dimensions[dimension as keyof typeof filters]);
  return <p className="hint figures-hint">{words.overview.noPercentiles(hiding.join(", "))}</p>;
}

function sumOf(lines: readonly ReportLine[]): number {
  return lines.reduce((sum, { calls }) => sum + calls, 0);
}
