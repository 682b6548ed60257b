/** Ceilings on calls, tokens and cost, and how they stand. */

import { useState } from "react";
import { useLimits } from "@/api/all";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { Button } from "@/parts/button";
import { Card, Grid, PageHead } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { NewLimit } from "./forms";
import { LimitTable } from "./limit-table";

export default function Page() {
  const words = useWords();
  const isAdmin = useIsAdmin();
  const limits = useLimits();
  const [isMaking, setMaking] = useState(false);
  const add = isAdmin && (
    <Button kind="main" onClick={() => setMaking(true)}>
      {words.limits.add}
    </Button>
  );
  return (
    <>
      <PageHead title={words.app.pages.limits} about={words.limits.about}>
        {add}
      </PageHead>
      <Grid>
        <Card title={words.limits.title}>
          <Answered query={limits}>
            {({ rows }) =>
              rows.length === 0 ? (
                <Empty title={words.limits.none}>
                  <p>{isAdmin ? words.limits.noneHow : words.app.session.onlyAdmins}</p>
                </Empty>
              ) : (
                <LimitTable label={words.limits.title} limits={rows} />
              )
            }
          </Answered>
        </Card>
      </Grid>
      {isMaking && <NewLimit close={() => setMaking(false)} />}
    </>
  );
}
