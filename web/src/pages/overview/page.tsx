/** What is being spent right now, by whom, and what is wrong. */

import { useAsked } from "@/api/hooks";
import { useFilters } from "@/app/filters";
import { useWords } from "@/app/preferences";
import { useView } from "@/app/view";
import { FirstCall } from "@/pages/calls/first-call";
import { Button } from "@/parts/button";
import { FilterBar } from "@/parts/filter-bar";
import { Grid, PageHead } from "@/parts/page";
import { Segments } from "@/parts/segments";
import { Empty } from "@/parts/states";
import { UsageOverTime } from "@/parts/usage-over-time";
import { DIMENSIONS, isFiltered } from "@/pure/filters";
import { Hours } from "./hours";
import { ErrorTypes, Origins, Success } from "./how-it-went";
import { KeyFigures } from "./key-figures";
import { Models } from "./models";
import { Ends, Latency } from "./over-time";
import "./overview.css";
import { useTotals } from "./questions";
import { StreamedAndNot, TokenUsage } from "./tokens";

const WAYS = ["all", "1", "0"] as const;

export default function Page() {
  const words = useWords();
  const { filters, set } = useFilters();
  const totals = useTotals(useView().range);
  const isEmpty = totals.data !== undefined && !totals.isPlaceholderData && totals.data.lines.length === 0;
  const said = words.overview;
  return (
    <div className="overview">
      <PageHead title={words.app.pages.overview} about={said.about}>
        <Segments
          label={said.streamed.label}
          names={WAYS}
          picked={WAYS.find((one) => one === filters.streamed) ?? "all"}
          sayOf={(name) => said.streamed[name === "all" ? "all" : name === "1" ? "yes" : "no"]}
          pick={(name) => set("streamed", name === "all" ? undefined : name)}
        />
      </PageHead>
      <FilterBar dimensions={DIMENSIONS} />
      <KeyFigures />
      {isEmpty ? (
        <Nothing />
      ) : (
        <Grid>
          <UsageOverTime />
          <Latency />
          <Ends />
          <Success />
          <ErrorTypes />
          <Origins />
          <TokenUsage />
          <StreamedAndNot />
          <Models />
          <Hours />
        </Grid>
      )}
    </div>
  );
}

/** Nothing in the books, in the range, or that matches. */
function Nothing() {
  const words = useWords();
  const { filters, clear } = useFilters();
  const stats = useAsked("/admin/stats");
  const said = words.overview.empty;
  if (stats.data !== undefined && stats.data.last_request_at === null) return <FirstCall />;
  return (
    <Empty title={said.title}>
      <p>{isFiltered(filters) ? said.filtered : said.fresh}</p>
      {isFiltered(filters) && <Button onClick={clear}>{words.app.filters.clear}</Button>}
    </Empty>
  );
}
