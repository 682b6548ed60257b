/** Every model with what it was used for and how quick it was; a click filters the page by it. */

import type { ReportLine } from "@/api/report";
import { useFilters } from "@/app/filters";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useFormat, useView } from "@/app/view";
import { Card } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { type Column, Table } from "@/parts/table";
import { hasPercentiles, valueOf } from "@/pure/filters";
import { type Known, ratio } from "@/pure/format";
import { useModels } from "./questions";

/** So many are shown, those that cost most. */
const SHOWN_MAX = 100;
const BY_COST = 4;

export function Models() {
  const words = useWords();
  const format = useFormat();
  const nameOf = useNames(["model"]);
  const { range } = useView();
  const { filters, toggle } = useFilters();
  const isExact = hasPercentiles(filters);
  const models = useModels(range, { percentiles: isExact });
  const said = words.overview.models;
  const figure = (
    name: string,
    of: (line: ReportLine) => Known,
    say: (value: Known) => string,
  ): Column<ReportLine> => ({ name, isNumber: true, by: of, show: (line) => say(of(line)) });
  const columns: Column<ReportLine>[] = [
    {
      name: said.model,
      by: ({ model }) => model,
      show: ({ model = null }) => (
        <button
          type="button"
          className="link"
          aria-pressed={filters.model === valueOf(model)}
          onClick={() => toggle("model", model)}
        >
          {nameOf("model", model)}
        </button>
      ),
    },
    figure(said.calls, ({ calls }) => calls, format.count),
    figure(said.errors, ({ errors, calls }) => ratio(errors, calls), format.percent),
    figure(said.tokens, ({ total_tokens }) => total_tokens, format.short),
    figure(said.cost, ({ cost_usd }) => cost_usd, format.usd),
    figure(said.perCall, ({ cost_usd, priced_calls }) => ratio(cost_usd, priced_calls), format.usd),
    ...(isExact
      ? [
          figure(said.p50, (line) => line.p50_latency_ms, format.ms),
          figure(said.p95, (line) => line.p95_latency_ms, format.ms),
          figure(said.ttft, (line) => line.p50_ttft_ms, format.ms),
        ]
      : [
          figure(said.average, (line) => line.avg_latency_ms, format.ms),
          figure(said.ttftAverage, (line) => line.avg_ttft_ms, format.ms),
        ]),
  ];
  return (
    <Card title={said.title}>
      <Answered query={models}>
        {({ lines }) =>
          lines.length === 0 ? (
            <Empty title={words.overview.empty.title} />
          ) : (
            <>
              <Table
                label={said.label}
                columns={columns}
                rows={lines.slice(0, SHOWN_MAX)}
                keyOf={({ model = null }) => valueOf(model)}
                sorted={BY_COST}
              />
              {lines.length > SHOWN_MAX && (
                <p className="muted hint">{said.more(format.count(lines.length - SHOWN_MAX))}</p>
              )}
            </>
          )
        }
      </Answered>
    </Card>
  );
}
