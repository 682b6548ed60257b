/** A drawing by ECharts, in the colours of the theme and as wide as there is room. */

import type { ECharts, EChartsCoreOption } from "echarts/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { usePreferences } from "@/app/preferences";
import { type Colours, coloursNow } from "./colours";

interface Props {
  /** What the drawing shows, for those who do not see it. */
  readonly label: string;
  readonly height?: number;
  /** The drawing; must be the same function as long as it draws the same. */
  readonly draw: (colours: Colours) => EChartsCoreOption;
  /** A click on a mark, by the index of its series and of its point. */
  readonly onPick?: (series: number, point: number) => void;
}

export function Chart({ label, height = 260, draw, onPick }: Props) {
  const { shown } = usePreferences();
  const place = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<ECharts | null>(null);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let made: ECharts | null = null;
    let isWanted = true;
    const sized = new ResizeObserver(() => made?.resize());
    void import("./echarts").then(({ init }) => {
      if (!isWanted) return;
      made = init(element);
      sized.observe(element);
      setChart(made);
    });
    return () => {
      isWanted = false;
      sized.disconnect();
      made?.dispose();
      setChart(null);
    };
  }, []);

  // The theme is not read here but by `coloursNow`, from the page itself.
  // eslint-disable-next-line react-hooks/exhaustive-deps -- another theme has other colours
  const option = useMemo(() => ({ ...draw(coloursNow()), animationDuration: 250 }), [draw, shown]);
  useEffect(() => {
    chart?.setOption(option, { notMerge: true });
  }, [chart, option]);

  useEffect(() => {
    if (chart === null || onPick === undefined) return;
    const picked = (event: { seriesIndex?: number; dataIndex?: number }) =>
      onPick(event.seriesIndex ?? 0, event.dataIndex ?? 0);
    chart.on("click", picked as never);
    return () => {
      chart.off("click", picked as never);
    };
  }, [chart, onPick]);

  return <div ref={place} className="chart" role="img" aria-label={label} style={{ height }} />;
}
