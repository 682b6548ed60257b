/** Cost, calls or tokens over time, by whatever is chosen; a click on a series filters the page by it. */

import { useCallback, useMemo } from "react";
import { useReport } from "@/api/report";
import { useFilters } from "@/app/filters";
import { MEASURES, useMeasure } from "@/app/measure";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useUrl, useView } from "@/app/view";
import { SeriesChart } from "@/chart/series-chart";
import { type Dimension, keyAskedBy } from "@/pure/filters";
import { intervalOf } from "@/pure/range";
import { seriesOf, timesOf } from "@/pure/series";
import { Choice } from "./choice";
import { Card } from "./page";
import { Segments } from "./segments";
import { Answered, Empty } from "./states";

export const TOLD_APART_BY = ["model", "tool", "project", "key", "provider", "client", "account"] as const;

export function UsageOverTime() {
  const words = useWords();
  const [search, change] = useUrl();
  const [measure, setMeasure] = useMeasure();
  const { range, zone } = useView();
  const { filters, toggle } = useFilters();
  const by: Dimension = TOLD_APART_BY.find((one) => one === search.by) ?? "model";
  const nameOf = useNames([by]);
  const interval = intervalOf(range);
  const report = useReport({ range, zone, filters, by: [by], interval });
  const lines = report.data?.lines;
  const data = useMemo(
    () => seriesOf(lines ?? [], timesOf(lines ?? [], range, interval), by, measure.figure),
    [lines, range, interval, by, measure.figure],
  );
  const seriesName = useCallback(
    (key: string | null, isRest: boolean) => (isRest ? words.app.other : nameOf(by, key)),
    [words, nameOf, by],
  );
  const pick = useCallback((key: string | null) => toggle(by, key), [toggle, by]);
  const title = words.overview.overTime(words.overview.measure[measure.name], words.app.dimensions[by]);
  return (
    <Card
      title={title}
      actions={
        <>
          <Segments
            label={words.overview.measure.label}
            names={MEASURES}
            picked={measure.name}
            sayOf={(name) => words.overview.measure[name]}
            pick={setMeasure}
          />
          <Choice
            label={words.overview.by}
            names={TOLD_APART_BY}
            picked={by as (typeof TOLD_APART_BY)[number]}
            sayOf={(name) => words.app.dimensions[name]}
            pick={(name) => change({ by: name === "model" ? undefined : name }, { replace: true })}
          />
        </>
      }
    >
      <Answered query={report}>
        {() =>
          data.series.length === 0 ? (
            <Empty title={words.overview.empty.title} />
          ) : (
            <>
              <SeriesChart
                label={title}
                data={data}
                nameOf={seriesName}
                say={measure.say}
                height={300}
                onPick={pick}
                picked={keyAskedBy(filters[by])}
              />
              <p className="muted hint">{words.overview.pick}</p>
            </>
          )
        }
      </Answered>
    </Card>
  );
}
