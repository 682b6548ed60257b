import { useCallback } from "react";
import { useAsked } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useFormat, useView } from "@/app/view";
import { SeriesChart } from "@/chart/series-chart";
import { Card, Grid, PageHead } from "@/parts/page";
import { Answered } from "@/parts/states";
import { intervalOf } from "@/pure/range";
import { seriesOf, timesOf } from "@/pure/series";

export default function Page() {
  const words = useWords();
  const { range, asked } = useView();
  const format = useFormat();
  const interval = intervalOf(range);
  const report = useAsked("/admin/usage/report", { query: { ...asked, group_by: "model", interval: interval as "hour" } });
  const nameOf = useCallback((key: string | null, isRest: boolean) => (isRest ? words.app.other : (key ?? words.app.unknown)), [words]);
  return (
    <>
      <PageHead title={words.app.pages.overview} />
      <Grid>
        <Card title="Cost">
          <Answered query={report}>
            {({ lines }) => (
              <SeriesChart
                label="Cost"
                data={seriesOf(lines, timesOf(lines, range, interval), "model", "cost_usd")}
                nameOf={nameOf}
                say={format.usd}
              />
            )}
          </Answered>
        </Card>
      </Grid>
    </>
  );
}
