import { useAsked } from "@/api/hooks";
import { type ReportLine, useReport } from "@/api/report";
import { useWords } from "@/app/preferences";
import { useFormat, useView } from "@/app/view";
import { Badge, type Tone } from "@/parts/badge";
import { Card } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { Table } from "@/parts/table";
import { type BreakerState, stateOf } from "@/pure/breakers";
import { UNKNOWN } from "@/pure/format";
import { successRate } from "@/pure/success";
import { useBreakers } from "./questions";

export const STATE_TONES: Readonly<Record<BreakerState, Tone>> = {
  closed: "good",
  open: "bad",
  "half-open": "warn",
};

interface Row {
  readonly id: string;
  /** `null`: it was not called lately. */
  readonly state: BreakerState | null;
  /** `null`: it had no calls. */
  readonly line: ReportLine | null;
}

/** Every provider that is set up or had calls. */
export function Health() {
  const words = useWords();
  const said = words.providers;
  const format = useFormat();
  const { range, zone } = useView();
  const providers = useAsked("/admin/providers");
  const breakers = useBreakers();
  const report = useReport({ range, zone, filters: {}, by: ["provider"], percentiles: true });
  return (
    <Card title={said.health}>
      <Answered query={providers}>
        {(known) => (
          <Answered query={report}>
            {({ lines }) => {
              const rows = rowsOf(
                known.providers.map(({ id }) => id),
                lines,
                breakers.data?.breakers ?? [],
              );
              return rows.length === 0 ? (
                <Empty title={said.none} />
              ) : (
                <Table
                  label={said.health}
                  rows={rows}
                  keyOf={({ id }) => id}
                  columns={[
                    { name: said.provider, show: ({ id }) => <strong>{id}</strong>, by: ({ id }) => id },
                    {
                      name: said.breaker,
                      // Nothing was called lately, so nobody knows.
                      show: ({ state }) =>
                        state === null ? (
                          UNKNOWN
                        ) : (
                          <Badge tone={STATE_TONES[state]}>{said.states[state]}</Badge>
                        ),
                      by: ({ state }) => state,
                    },
                    number(said.calls, (line) => line.calls, format.count),
                    number(
                      said.success,
                      (line) => successRate(line.calls - line.errors - line.aborted, line.calls),
                      format.percent,
                    ),
                    number(said.failed, (line) => line.errors, format.count),
                    number(said.p50, (line) => line.p50_latency_ms, format.ms),
                    number(said.p95, (line) => line.p95_latency_ms, format.ms),
                    number(said.ttft, (line) => line.p50_ttft_ms, format.ms),
                    number(said.cost, (line) => line.cost_usd, format.usd),
                  ]}
                />
              );
            }}
          </Answered>
        )}
      </Answered>
    </Card>
  );
}

function number(
  name: string,
  of: (line: ReportLine) => number | null | undefined,
  say: (value: number | null | undefined) => string,
) {
  return {
    name,
    isNumber: true,
    show: ({ line }: Row) => say(line === null ? null : of(line)),
    by: ({ line }: Row) => (line === null ? null : of(line)),
  };
}

function rowsOf(
  ids: readonly string[],
  lines: readonly ReportLine[],
  breakers: readonly { providerId: string; state: BreakerState }[],
): Row[] {
  const found = new Map(lines.map((line) => [line.provider ?? "", line]));
  const all = [...new Set([...found.keys(), ...ids])].filter((id) => id !== "");
  return all
    .map((id) => ({ id, state: stateOf(id, breakers), line: found.get(id) ?? null }))
    .sort((a, b) => (b.line?.calls ?? -1) - (a.line?.calls ?? -1));
}
