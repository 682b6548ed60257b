/** How the providers are doing, and which of them calls are held back from. */

import { useCallback, useMemo } from "react";
import { useReport } from "@/api/report";
import { useWords } from "@/app/preferences";
import { useFormat, useView } from "@/app/view";
import { SeriesChart } from "@/chart/series-chart";
import { Card, Grid, PageHead } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { intervalOf } from "@/pure/range";
import { seriesOf, timesOf } from "@/pure/series";
import { Breakers } from "./breakers";
import { Health } from "./health";
import { SetUp } from "./set-up";

export default function Page() {
  const words = useWords();
  return (
    <>
      <PageHead title={words.app.pages.providers} about={words.providers.about} />
      <Grid>
        <Health />
        <Breakers />
        <OverTime title={words.providers.volume} figure="calls" />
        <OverTime title={words.providers.latency} figure="p95_latency_ms" />
        <SetUp />
      </Grid>
    </>
  );
}

/** One figure of every provider over time. */
function OverTime({ title, figure }: { title: string; figure: "calls" | "p95_latency_ms" }) {
  const words = useWords();
  const format = useFormat();
  const { range, zone } = useView();
  const interval = intervalOf(range);
  const report = useReport({ range, zone, filters: {}, by: ["provider"], interval, percentiles: true });
  const lines = report.data?.lines;
  const data = useMemo(() => {
    const times = timesOf(lines ?? [], range, interval);
    const calls = seriesOf(lines ?? [], times, "provider", "calls");
    if (figure === "calls") return calls;
    // In the order of the other chart, so that a provider has one colour.  Where there were no
    // calls there is no latency, and not one of nothing.
    const { series } = seriesOf(lines ?? [], times, "provider", figure, calls.series.length);
    const known = calls.series.flatMap(({ key, isRest }) =>
      isRest ? [] : series.filter((one) => one.key === key && !one.isRest),
    );
    return {
      times,
      series: known.map((one) => ({ ...one, values: one.values.map((value) => value || null) })),
    };
  }, [lines, range, interval, figure]);
  const nameOf = useCallback(
    (key: string | null, isRest: boolean) => (isRest ? words.app.other : (key ?? words.app.unknown)),
    [words],
  );
  const isCount = figure === "calls";
  return (
    <Card title={title} span={6}>
      <Answered query={report}>
        {() =>
          data.series.length === 0 ? (
            <Empty title={words.providers.quiet}>
              <p>{words.providers.quietHow}</p>
            </Empty>
          ) : (
            <SeriesChart
              label={title}
              data={data}
              nameOf={nameOf}
              say={isCount ? format.short : format.ms}
              isStacked={isCount}
              isBars={isCount}
            />
          )
        }
      </Answered>
    </Card>
  );
}
