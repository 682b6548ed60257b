/** Where the money goes, what the month will come to, and what budgets have left. */

import { useWords } from "@/app/preferences";
import { FilterBar } from "@/parts/filter-bar";
import { Grid, PageHead } from "@/parts/page";
import { UsageOverTime } from "@/parts/usage-over-time";
import { DIMENSIONS } from "@/pure/filters";
import { Budgets } from "./budgets";
import { Exports } from "./exports";
import { Month } from "./month";
import { PivotCard } from "./pivot";
import "./spend.css";

export default function Page() {
  const words = useWords();
  return (
    <div className="spend">
      <PageHead title={words.app.pages.spend} about={words.spend.about}>
        <Exports />
      </PageHead>
      <FilterBar dimensions={DIMENSIONS} />
      <Month />
      <Grid>
        <UsageOverTime />
        <PivotCard />
        <Budgets />
      </Grid>
    </div>
  );
}
