/** What the range cost, what the month cost so far, and what it will come to. */

import { useAsked } from "@/api/hooks";
import { useReport } from "@/api/report";
import { useFilters } from "@/app/filters";
import { usePreferences } from "@/app/preferences";
import { useFormat, useView } from "@/app/view";
import { Kpi, Kpis } from "@/parts/kpi";
import { Answered } from "@/parts/states";
import { startOfMonth } from "@/pure/clock";
import { forecastOf, historyFrom } from "@/pure/forecast";
import { change, isKnown } from "@/pure/format";
import { DAY_MS, rangeOf } from "@/pure/range";
import { useNow } from "@/app/view";
import { REFRESH_MS } from "@/api/hooks";

export function Month() {
  const { words, language } = usePreferences();
  const format = useFormat();
  const { range, zone } = useView();
  const { filters } = useFilters();
  // The end of the present half minute, as of every range up to now.
  const now = rangeOf({ range: "1d" }, useNow(REFRESH_MS), null).to;
  const inRange = useReport({ range, zone, filters });
  const history = useReport({
    range: { from: historyFrom(now, zone), to: now },
    zone,
    filters,
    interval: "day",
  });
  const stats = useAsked("/admin/stats");
  const first = stats.data?.first_request_at ?? null;
  const said = words.spend;
  const monthName = (ms: number) =>
    new Intl.DateTimeFormat(language, { month: "long", timeZone: zone }).format(ms);
  const days = (range.to - range.from) / DAY_MS;
  return (
    <Answered query={history}>
      {({ lines }) => {
        const found = forecastOf(lines, now, zone, first === null ? null : Date.parse(first));
        const line = inRange.data?.lines[0];
        const cost = inRange.data === undefined ? null : line === undefined ? 0 : line.cost_usd;
        const unpriced = (line?.metered_calls ?? 0) - (line?.priced_calls ?? 0);
        const [month, last] = [monthName(now), monthName(startOfMonth(now, zone, -1))];
        return (
          <>
            <Kpis>
              <Kpi
                name={said.kpis.inRange}
                value={format.usd(cost)}
                note={
                  <>
                    {days >= 1 && isKnown(cost) && said.kpis.perDay(format.usd(cost / days))}
                    {unpriced > 0 && <div>{said.kpis.unpriced(format.count(unpriced))}</div>}
                  </>
                }
              />
              <Kpi
                name={said.kpis.month(month)}
                value={format.usd(found.spent)}
                note={said.kpis.zone(zone)}
              />
              <Kpi
                name={said.kpis.forecast(month)}
                value={format.usd(found.expected)}
                {...(found.lastMonth === null
                  ? {}
                  : {
                      change: change(found.expected, found.lastMonth),
                      note: ` ${said.kpis.against}`,
                    })}
              />
              <Kpi
                name={said.kpis.last(last)}
                value={format.usd(found.lastMonth)}
                note={found.lastMonth === null && said.kpis.lastUnknown}
              />
            </Kpis>
            <p className="muted hint method">
              {found.method === null ? said.method.none : said.method[found.method](format.count(found.days))}
            </p>
          </>
        );
      }}
    </Answered>
  );
}
