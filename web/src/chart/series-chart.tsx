/** Figures over time, stacked or as lines, with a legend whose names can be picked, and the same as a table. */

import { useCallback, useMemo, useState } from "react";
import { usePreferences } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Button } from "@/parts/button";
import { Table } from "@/parts/table";
import type { Format, Known } from "@/pure/format";
import { type Chartable, isAlone } from "@/pure/series";
import { Chart } from "./chart";
import { type Colours, coloursNow } from "./colours";
import { Tip } from "./tip";

interface Props {
  readonly label: string;
  readonly data: Chartable;
  /** The name of a series, as the legend has it. */
  readonly nameOf: (key: string | null, isRest: boolean, index: number) => string;
  /** A figure, as people read it. */
  readonly say: (value: Known) => string;
  readonly isStacked?: boolean;
  readonly isBars?: boolean;
  readonly height?: number;
  /** A click on a series or on its name in the legend. */
  readonly onPick?: (key: string | null) => void;
  readonly picked?: string | null | undefined;
  /** Colours by name of the theme, for series that mean something (`good`, `bad`, …). */
  readonly tones?: readonly (keyof Pick<Colours, "good" | "warn" | "bad" | "accent" | "muted">)[];
}

export function SeriesChart({
  label,
  data,
  nameOf,
  say,
  isStacked = true,
  isBars = true,
  height,
  onPick,
  picked,
  tones,
}: Props) {
  const { words, shown } = usePreferences();
  const format = useFormat();
  const [isTable, setTable] = useState(false);
  const names = useMemo(
    () => data.series.map(({ key, isRest }, n) => nameOf(key, isRest, n)),
    [data, nameOf],
  );
  const colourOf = useCallback(
    (colours: Colours, n: number) => {
      const tone = tones?.[n];
      if (tone !== undefined) return colours[tone];
      return data.series[n]?.isRest
        ? colours.muted
        : (colours.series[n % colours.series.length] ?? colours.accent);
    },
    [tones, data],
  );

  const axis = useMemo(() => axisOf(data.times, format), [data.times, format]);
  const draw = useCallback(
    (colours: Colours) => ({
      grid: {
        ...{ left: 4, right: 8, top: 12, bottom: 4 },
        ...{ outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      },
      xAxis: {
        type: "category",
        data: axis.names,
        axisLabel: {
          color: colours.muted,
          fontFamily: colours.font,
          hideOverlap: true,
          ...(axis.isNamed === null ? {} : { interval: axis.isNamed }),
        },
        axisLine: { lineStyle: { color: colours.line } },
        axisTick: { show: false },
      },
      yAxis: {
        type: "value",
        axisLabel: {
          color: colours.muted,
          fontFamily: colours.font,
          formatter: (value: number) => say(value),
        },
        splitLine: { lineStyle: { color: colours.line } },
      },
      series: data.series.map(({ values }, n) => ({
        type: isBars ? "bar" : "line",
        name: names[n],
        data: values,
        ...(isStacked ? { stack: "all" } : {}),
        ...(isBars
          ? { barCategoryGap: "18%" }
          : {
              // A line needs two points; one by itself is a dot.
              symbol: "circle",
              symbolSize: (_: unknown, { dataIndex }: { dataIndex: number }) =>
                isAlone(values, dataIndex) ? DOT : 0,
              showAllSymbol: true,
              lineStyle: { width: 2 },
            }),
        itemStyle: { color: colourOf(colours, n) },
      })),
    }),
    [data, names, axis, colourOf, isBars, isStacked, say],
  );
  const tip = useCallback(
    (n: number) => {
      const colours = coloursNow();
      const rows = data.series
        .map((one, index) => ({
          name: names[index] ?? "",
          value: one.values[n] ?? null,
          colour: colourOf(colours, index),
        }))
        .filter(({ value }) => value !== 0);
      return <Tip title={format.moment(data.times[n])} rows={rows} say={say} />;
    },
    [data, names, colourOf, format, say],
  );
  const pick = useCallback(
    (n: number) => {
      const one = data.series[n];
      if (one !== undefined && !one.isRest) onPick?.(one.key);
    },
    [data, onPick],
  );
  const legend = useMemo(() => {
    void shown;
    const colours = coloursNow();
    return names.map((name, n) => ({ name, colour: colourOf(colours, n) }));
  }, [names, colourOf, shown]);

  return (
    <>
      {isTable ? (
        <Table
          label={label}
          rows={data.times.map((time, n) => ({ time, n }))}
          keyOf={({ time }) => time}
          columns={[
            { name: words.app.chart.time, show: ({ time }) => format.moment(time), by: ({ time }) => time },
            ...data.series.map((one, index) => ({
              name: names[index] ?? "",
              isNumber: true,
              show: ({ n }: { n: number }) => say(one.values[n]),
              by: ({ n }: { n: number }) => one.values[n],
            })),
          ]}
        />
      ) : (
        <Chart
          label={label}
          draw={draw}
          tip={tip}
          {...(height ? { height } : {})}
          {...(onPick ? { onPick: pick } : {})}
        />
      )}
      <div className="row legend-row">
        <ul className="legend">
          {legend.map(({ name, colour }, n) => (
            <li key={name}>
              <button
                type="button"
                disabled={onPick === undefined || data.series[n]?.isRest}
                aria-pressed={
                  onPick === undefined ? undefined : picked !== undefined && data.series[n]?.key === picked
                }
                onClick={() => pick(n)}
              >
                <span className="swatch" style={{ background: colour }} />
                {name}
              </button>
            </li>
          ))}
        </ul>
        <Button kind="quiet" className="small" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? words.app.chart.chart : words.app.chart.table}
        </Button>
      </div>
    </>
  );
}

const A_DAY_MS = 86_400_000;
const DOT = 6;

interface Axis {
  readonly names: readonly string[];
  /** Which of them are shown; `null`: as many as there is room for. */
  readonly isNamed: ((n: number) => boolean) | null;
}

/** The hour where the times are closer than a day; the day where they are of several, once for each. */
function axisOf(times: readonly number[], format: Pick<Format, "time" | "shortDay">): Axis {
  const [first = 0, second = first, third = second] = times;
  // The first may be a part of an hour or a day.
  const step = times.length < 2 ? A_DAY_MS : Math.max(second - first, third - second);
  const length = (times.at(-1) ?? first) - first;
  if (step < A_DAY_MS / 2 && length <= 1.5 * A_DAY_MS)
    return { names: times.map((time) => format.time(time).slice(0, 5)), isNamed: null };
  const names = times.map(format.shortDay);
  // A day that began before the first of them has its name at the next.
  return { names, isNamed: step < A_DAY_MS / 2 ? (n) => n > 0 && names[n] !== names[n - 1] : null };
}
