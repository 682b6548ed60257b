/** What runs here, whether it is ready, how it is set up, and what operators did. */

import { addressOf } from "@/api/client";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { Grid, PageHead } from "@/parts/page";
import { Audit } from "./audit";
import { Configuration } from "./configuration";
import { Readiness } from "./readiness";
import { Running } from "./running";
import "./system.css";

export default function Page() {
  const words = useWords();
  const isAdmin = useIsAdmin();
  return (
    <>
      <PageHead title={words.app.pages.system} about={words.system.about}>
        <a href={addressOf("/openapi.json").href}>{words.system.openapi}</a>
      </PageHead>
      <Grid>
        <Readiness />
        {isAdmin && (
          <>
            <Running />
            <Configuration />
            <Audit />
          </>
        )}
      </Grid>
    </>
  );
}
