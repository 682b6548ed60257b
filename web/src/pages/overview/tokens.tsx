/** What calls read and wrote: by kind, in all and per call; and streamed calls beside the others. */

import type { ReportLine } from "@/api/report";
import { useFilters } from "@/app/filters";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useFormat, useView } from "@/app/view";
import { Card } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { ratio } from "@/pure/format";
import { successRate } from "@/pure/success";
import { useBy, useTotals } from "./questions";

const KINDS = [
  ["input", "input_tokens"],
  ["cacheRead", "cache_read_tokens"],
  ["cacheWrite", "cache_write_tokens"],
  ["output", "output_tokens"],
  ["reasoning", "reasoning_tokens"],
  ["total", "total_tokens"],
] as const;
const PARTS: readonly string[] = ["cacheRead", "cacheWrite", "reasoning"];

export function TokenUsage() {
  const words = useWords();
  const format = useFormat();
  const totals = useTotals(useView().range);
  const said = words.overview.tokens;
  return (
    <Card title={said.title} span={6}>
      <Answered query={totals}>
        {({ lines: [line] }) =>
          line === undefined ? (
            <Empty title={words.overview.empty.title} />
          ) : (
            <>
              <div className="table-frame" role="region" aria-label={said.label} tabIndex={0}>
                <table>
                  <thead>
                    <tr>
                      <th scope="col">{said.kind}</th>
                      <th scope="col" className="number">
                        {said.all}
                      </th>
                      <th scope="col" className="number">
                        {said.perCall}
                      </th>
                      <th scope="col" className="number">
                        {said.share}
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {KINDS.map(([kind, figure]) => (
                      <tr key={kind} className={kind === "total" ? "total" : ""}>
                        <th scope="row" className={PARTS.includes(kind) ? "part" : ""}>
                          {said[kind]}
                        </th>
                        <td className="number">{format.count(line[figure])}</td>
                        <td className="number">{format.count(ratio(line[figure], line.metered_calls))}</td>
                        <td className="number">{format.percent(ratio(line[figure], line.total_tokens))}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {line.metered_calls < line.calls && (
                <p className="muted hint">
                  {said.of(format.count(line.metered_calls), format.count(line.calls))}
                </p>
              )}
            </>
          )
        }
      </Answered>
    </Card>
  );
}

export function StreamedAndNot() {
  const words = useWords();
  const format = useFormat();
  const nameOf = useNames(["streamed"]);
  const { filters, toggle } = useFilters();
  const ways = useBy("streamed");
  const said = words.overview.ways;
  const figures: readonly (readonly [string, (line: ReportLine) => string])[] = [
    [words.overview.kpis.calls, ({ calls }) => format.count(calls)],
    [
      words.overview.kpis.success,
      ({ calls, errors, aborted }) => format.percent(successRate(calls - errors - aborted, calls)),
    ],
    [words.overview.kpis.tokens, ({ total_tokens }) => format.count(total_tokens)],
    [said.perCall, ({ total_tokens, metered_calls }) => format.count(ratio(total_tokens, metered_calls))],
    [words.overview.kpis.cost, ({ cost_usd }) => format.usd(cost_usd)],
    [said.latency, ({ avg_latency_ms }) => format.ms(avg_latency_ms)],
    [said.ttft, ({ avg_ttft_ms }) => format.ms(avg_ttft_ms)],
  ];
  return (
    <Card title={said.title} span={6}>
      <Answered query={ways}>
        {({ lines }) => {
          if (lines.length === 0) return <Empty title={words.overview.empty.title} />;
          const sorted = lines.toSorted((a, b) => Number(b.streamed) - Number(a.streamed));
          const keys = sorted.map(({ streamed }) => String(streamed));
          return (
            <div className="table-frame" role="region" aria-label={said.label} tabIndex={0}>
              <table className="ways">
                <thead>
                  <tr>
                    <th scope="col">
                      <span className="visually-hidden">{said.figure}</span>
                    </th>
                    {keys.map((key) => (
                      <th key={key} scope="col" className="number">
                        <button
                          type="button"
                          className="link"
                          aria-pressed={filters.streamed === key}
                          onClick={() => toggle("streamed", key)}
                        >
                          {nameOf("streamed", key)}
                        </button>
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {figures.map(([name, say]) => (
                    <tr key={name}>
                      <th scope="row">{name}</th>
                      {sorted.map((line, n) => (
                        <td key={keys[n]} className="number">
                          {say(line)}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          );
        }}
      </Answered>
    </Card>
  );
}
