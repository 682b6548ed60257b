/** The hours of an average week on the clocks of the view, the busier the stronger. */

import { useMemo } from "react";
import { useReport } from "@/api/report";
import { useFilters } from "@/app/filters";
import { useMeasure } from "@/app/measure";
import { usePreferences } from "@/app/preferences";
import { useView } from "@/app/view";
import { Card } from "@/parts/page";
import { Answered } from "@/parts/states";
import { hasPercentiles } from "@/pure/filters";
import { heatOf } from "@/pure/heat";
import { DAY_MS, HOUR_MS, intervalOf } from "@/pure/range";

/** A report has a thousand intervals at most, and whole weeks have every hour equally often. */
const LONGEST_MS = 35 * DAY_MS;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
/** A Monday. */
const MONDAY = Date.UTC(2026, 0, 5);
const STEPS = 100;

export function Hours() {
  const { words, language } = usePreferences();
  const { range, zone } = useView();
  const { filters } = useFilters();
  const [measure] = useMeasure();
  const isWhole = range.to - range.from <= LONGEST_MS;
  const shown = useMemo(
    () => (isWhole ? range : { from: range.to - LONGEST_MS, to: range.to }),
    [isWhole, range],
  );
  // Hours and what is less than one are asked for anyway, and with percentiles.
  const usual = intervalOf(range);
  const isAsked = usual !== "day" && usual !== "week";
  const report = useReport({
    range: shown,
    zone,
    filters,
    interval: isAsked ? usual : "hour",
    percentiles: isAsked && hasPercentiles(filters),
  });
  const lines = report.data?.lines;
  const { cells, most } = useMemo(
    () => heatOf(lines ?? [], measure.figure, shown, zone),
    [lines, measure.figure, shown, zone],
  );
  const dayName = (style: "short" | "long") => {
    const format = new Intl.DateTimeFormat(language, { weekday: style, timeZone: "UTC" });
    return (day: number) => format.format(MONDAY + day * DAY_MS);
  };
  const [short, long] = [dayName("short"), dayName("long")];
  const said = words.overview.heat;
  const label = said.label(words.overview.measure[measure.name]);
  return (
    <Card title={said.title}>
      <Answered query={report}>
        {() => (
          <>
            <div className="table-frame" role="region" aria-label={label} tabIndex={0}>
              <table className="heat">
                <thead>
                  <tr>
                    <th scope="col">
                      <span className="visually-hidden">{said.day}</span>
                    </th>
                    {HOURS.map((hour) => (
                      <th key={hour} scope="col">
                        <span className={hour % 3 === 0 ? "" : "seldom"}>{hour}</span>
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {cells.map((day, n) => (
                    <tr key={n}>
                      <th scope="row" aria-label={long(n)}>
                        {short(n)}
                      </th>
                      {day.map(({ average, total }, hour) => {
                        const value = measure.say(average);
                        return (
                          <td
                            key={hour}
                            title={said.cell(long(n), clockOf(hour), value, measure.say(total))}
                            className={average === null ? "none" : ""}
                            style={average === null ? {} : { background: heatColour(average, most) }}
                          >
                            <span className="visually-hidden">{value}</span>
                          </td>
                        );
                      })}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            <p className="row heat-legend muted">
              <span>{measure.say(0)}</span>
              <span className="heat-scale" aria-hidden="true" />
              <span>{measure.say(most)}</span>
              <span>{isWhole ? said.about(zone) : said.recent(zone)}</span>
            </p>
          </>
        )}
      </Answered>
    </Card>
  );
}

function clockOf(hour: number): string {
  const start = new Date(hour * HOUR_MS).toISOString().slice(11, 16);
  return `${start}–${new Date(((hour + 1) % 24) * HOUR_MS).toISOString().slice(11, 16)}`;
}

function heatColour(value: number, most: number): string {
  const part = most > 0 ? Math.round((value / most) * STEPS) : 0;
  return `color-mix(in srgb, var(--heat-1) ${part}%, var(--heat-0))`;
}
