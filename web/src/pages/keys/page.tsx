/** Who may call: projects, and the keys that clients identify with. */

import { useState } from "react";
import { type Key, type Project, useKeys, useProjects } from "@/api/all";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useUrl } from "@/app/view";
import { Button } from "@/parts/button";
import { Choice } from "@/parts/choice";
import { Card, Grid, PageHead } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { KeyTable } from "./key-table";
import { NewKey } from "./new-key";
import { Projects } from "./projects";

const STATES = ["", "active", "withered", "revoked"] as const;

export default function Page() {
  const words = useWords();
  const isAdmin = useIsAdmin();
  const projects = useProjects();
  const [isMaking, setMaking] = useState(false);
  return (
    <>
      <PageHead title={words.app.pages.keys} about={words.keys.about}>
        {isAdmin && (
          <Button kind="main" onClick={() => setMaking(true)}>
            {words.keys.newKey}
          </Button>
        )}
      </PageHead>
      <Grid>
        <Keys projects={projects.data?.rows ?? []} />
        <Projects query={projects} />
      </Grid>
      {isMaking && <NewKey projects={projects.data?.rows ?? []} close={() => setMaking(false)} />}
    </>
  );
}

function Keys({ projects }: { projects: readonly Project[] }) {
  const { keys: words } = useWords();
  const [search, change] = useUrl();
  const keys = useKeys();
  const state = STATES.find((one) => one === search.state) ?? "";
  const project = search.project ?? "";
  const isWanted = (key: Key) =>
    (state === "" || key.state === state) && (project === "" || key.project_id === project);
  return (
    <Card
      title={words.keys}
      actions={
        <>
          <Choice
            label={words.project}
            names={["", ...projects.map(({ id }) => id)]}
            picked={project}
            sayOf={(id) => projects.find((one) => one.id === id)?.name ?? words.allProjects}
            pick={(id) => change({ project: id || undefined })}
          />
          <Choice
            label={words.state}
            names={STATES}
            picked={state}
            sayOf={(one) => (one === "" ? words.allStates : words.states[one])}
            pick={(one) => change({ state: one || undefined })}
          />
        </>
      }
    >
      <Answered query={keys}>
        {({ rows }) => {
          const wanted = rows.filter(isWanted);
          if (rows.length === 0) return <Empty title={words.noKeys} />;
          return wanted.length === 0 ? (
            <Empty title={words.noneSo} />
          ) : (
            <KeyTable keys={wanted} projects={projects} />
          );
        }}
      </Answered>
    </Card>
  );
}
