/** A drawing by ECharts, in the colours of the theme and as wide as there is room. */

import type { ECharts, EChartsCoreOption } from "echarts/core";
import { type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { usePreferences } from "@/app/preferences";
import { type Colours, coloursNow } from "./colours";

/** Asked for with the page, so that it is there when the figures are. */
const drawing = import("./echarts");

/** Whether the person wants nothing to move. */
const isCalm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

interface Props {
  /** What the drawing shows, for those who do not see it. */
  readonly label: string;
  readonly height?: number;
  /** The drawing; must be the same function as long as it draws the same. */
  readonly draw: (colours: Colours) => EChartsCoreOption;
  /** A click on a mark, by the index of its series and of its point. */
  readonly onPick?: (series: number, point: number) => void;
  /** What is said of a point while the pointer is at it. */
  readonly tip: (point: number) => ReactNode;
}

export function Chart({ label, height = 260, draw, onPick, tip }: Props) {
  const { shown } = usePreferences();
  const place = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<ECharts | null>(null);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let made: ECharts | null = null;
    let isWanted = true;
    const sized = new ResizeObserver(() => made?.resize());
    void drawing.then(({ init }) => {
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

  const option = useMemo(() => {
    // It is read from the page itself, by `coloursNow`: another theme has other colours.
    void shown;
    return { ...draw(coloursNow()), animation: !isCalm(), animationDuration: 250 };
  }, [draw, shown]);
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

  return (
    <div className="chart" style={{ height }}>
      <div ref={place} className="chart-drawing" role="img" aria-label={label} />
      {chart !== null && <Pointed chart={chart} tip={tip} />}
    </div>
  );
}

interface At {
  readonly point: number;
  readonly x: number;
  readonly y: number;
}

const AWAY = 14;

/** A line at the point that is pointed at, and beside it what is said of it. */
function Pointed({ chart, tip }: { chart: ECharts; tip: (point: number) => ReactNode }) {
  const [at, setAt] = useState<At | null>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const painted = chart.getZr();
    const moved = ({ offsetX: x, offsetY: y }: { offsetX: number; offsetY: number }) => {
      if (!chart.containPixel("grid", [x, y])) return setAt(null);
      const point = chart.convertFromPixel({ xAxisIndex: 0 }, x);
      setAt({ point, x: chart.convertToPixel({ xAxisIndex: 0 }, point), y });
    };
    const left = () => setAt(null);
    painted.on("mousemove", moved);
    painted.on("globalout", left);
    return () => {
      painted.off("mousemove", moved);
      painted.off("globalout", left);
    };
  }, [chart]);
  useLayoutEffect(() => {
    const shown = box.current;
    if (shown === null || at === null) return;
    // On the side that has room for it, and never out of the drawing.
    const isRight = at.x + AWAY + shown.offsetWidth <= chart.getWidth();
    shown.style.left = `${Math.max(0, isRight ? at.x + AWAY : at.x - AWAY - shown.offsetWidth)}px`;
    shown.style.top = `${Math.max(0, Math.min(at.y + AWAY, chart.getHeight() - shown.offsetHeight))}px`;
  }, [at, chart]);
  if (at === null) return null;
  return (
    <div className="chart-pointed" aria-hidden="true">
      <div className="chart-line" style={{ left: at.x }} />
      <div ref={box} className="chart-tip">
        {tip(at.point)}
      </div>
    </div>
  );
}
