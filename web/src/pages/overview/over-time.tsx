/** How long calls take and how they end, over time: two charts of one answer. */

import { useCallback, useMemo } from "react";
import { useFilters } from "@/app/filters";
import { useWords } from "@/app/preferences";
import { useFormat, useUrl, useView } from "@/app/view";
import { SeriesChart } from "@/chart/series-chart";
import { Card } from "@/parts/page";
import { Segments } from "@/parts/segments";
import { Answered } from "@/parts/states";
import { figuresOf } from "@/pure/figures";
import { hasPercentiles } from "@/pure/filters";
import { intervalOf } from "@/pure/range";
import { type Line, timesOf } from "@/pure/series";
import { useTimes } from "./questions";

const PERCENTILES = ["p50", "p95", "p99"] as const;
const NO_LINES: readonly Line[] = [];

function useSlots() {
  const { range } = useView();
  const query = useTimes();
  const lines = query.data?.lines ?? NO_LINES;
  const times = useMemo(() => timesOf(lines, range, intervalOf(range)), [lines, range]);
  return { query, lines, times };
}

export function Latency() {
  const words = useWords();
  const format = useFormat();
  const [search, change] = useUrl();
  const { filters } = useFilters();
  const { query, lines, times } = useSlots();
  const of = search.timing === "ttft" ? "ttft" : "latency";
  const isExact = hasPercentiles(filters);
  const data = useMemo(
    () =>
      figuresOf(
        lines,
        times,
        isExact
          ? PERCENTILES.map((one) => (line) => line[`${one}_${of}_ms`])
          : [(line) => line[`avg_${of}_ms`]],
      ),
    [lines, times, isExact, of],
  );
  const nameOf = useCallback(
    (_key: string | null, _isRest: boolean, n: number) =>
      words.overview.latency[isExact ? (PERCENTILES[n] ?? "p50") : "average"],
    [words, isExact],
  );
  return (
    <Card
      title={words.overview.latency.title}
      span={6}
      actions={
        <Segments
          label={words.overview.latency.of}
          names={["latency", "ttft"]}
          picked={of}
          sayOf={(name) => words.overview.latency[name === "ttft" ? "ttft" : "whole"]}
          pick={(name) => change({ timing: name === "ttft" ? name : undefined }, { replace: true })}
        />
      }
    >
      <Answered query={query}>
        {() => (
          <SeriesChart
            label={words.overview.latency.label}
            data={data}
            nameOf={nameOf}
            say={format.ms}
            isStacked={false}
            isBars={false}
          />
        )}
      </Answered>
    </Card>
  );
}

const ENDS = ["completed", "aborted", "errors"] as const;
const END_TONES = ["good", "muted", "bad"] as const;

export function Ends() {
  const words = useWords();
  const format = useFormat();
  const { query, lines, times } = useSlots();
  const data = useMemo(
    () =>
      figuresOf(
        lines,
        times,
        [
          (line) => Number(line.calls) - Number(line.errors) - Number(line.aborted),
          (line) => line.aborted,
          (line) => line.errors,
        ],
        0,
      ),
    [lines, times],
  );
  const nameOf = useCallback(
    (_key: string | null, _isRest: boolean, n: number) => words.overview.outcomes[ENDS[n] ?? "completed"],
    [words],
  );
  return (
    <Card title={words.overview.outcomes.title} span={6}>
      <Answered query={query}>
        {() => (
          <SeriesChart
            label={words.overview.outcomes.label}
            data={data}
            nameOf={nameOf}
            say={format.short}
            tones={END_TONES}
          />
        )}
      </Answered>
    </Card>
  );
}
