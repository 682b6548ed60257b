/** Who may call: projects, and the keys that clients identify with. */

import { useDeferredValue, useState } from "react";
import { type Key, type Project, useKeys, useProjects } from "@/api/all";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useUrl } from "@/app/view";
import { Button } from "@/parts/button";
import { Choice } from "@/parts/choice";
import { Card, Grid, PageHead } from "@/parts/page";
import { Pick } from "@/parts/pick";
import { Answered, Empty } from "@/parts/states";
import { projectOptions } from "@/pure/registered";
import { KeyDrawer } from "./key-drawer";
import { KeyTable } from "./key-table";
import { NewKey } from "./new-key";
import { Projects } from "./projects";
import { Revoke } from "./revoke";
import { Rotate } from "./rotate";

const STATES = ["", "active", "withered", "revoked"] as const;

export default function Page() {
  const words = useWords();
  const isAdmin = useIsAdmin();
  const [search] = useUrl();
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
      {isMaking && (
        <NewKey
          projects={projects.data?.rows ?? []}
          {...(search.project === undefined ? {} : { of: search.project })}
          close={() => setMaking(false)}
        />
      )}
    </>
  );
}

function Keys({ projects }: { projects: readonly Project[] }) {
  const words = useWords();
  const saying = words.keys;
  const isAdmin = useIsAdmin();
  const [search, change] = useUrl();
  const keys = useKeys();
  const [rotated, setRotated] = useState<Key | null>(null);
  const [revoked, setRevoked] = useState<Key | null>(null);
  const state = STATES.find((one) => one === search.state) ?? "";
  const project = search.project ?? "";
  const text = useDeferredValue((search.find ?? "").trim().toLowerCase());
  const names = new Map(projects.map(({ id, name }) => [id, name]));
  const projectOf = (id: string | null) => (id === null ? saying.noProject : (names.get(id) ?? id));
  const isWanted = (key: Key) =>
    (state === "" || key.state === state) &&
    (project === "" || key.project_id === project) &&
    (text === "" || `${key.name} ${key.prefix} #${key.id}`.toLowerCase().includes(text));
  const opened = keys.data?.rows.find(({ id }) => String(id) === search.open);
  return (
    <Card
      title={saying.keys}
      actions={
        (keys.data?.rows.length ?? 0) > 0 && (
          <>
            <label className="choice">
              <span className="muted">{saying.find}</span>
              <input
                type="search"
                value={search.find ?? ""}
                onChange={(event) => change({ find: event.target.value || undefined }, { replace: true })}
              />
            </label>
            <label className="choice">
              <span className="muted">{saying.project}</span>
              <Pick
                options={[{ value: "", text: saying.allProjects }, ...projectOptions(projects)]}
                value={project}
                pick={(id) => change({ project: id || undefined })}
              />
            </label>
            <Choice
              label={saying.state}
              names={STATES}
              picked={state}
              sayOf={(one) => (one === "" ? saying.allStates : saying.states[one])}
              pick={(one) => change({ state: one || undefined })}
            />
          </>
        )
      }
    >
      <Answered query={keys}>
        {({ rows, isCut }) => {
          // The newest first: whoever made one wants to see it.
          const wanted = rows.filter(isWanted).toReversed();
          if (rows.length === 0)
            return (
              <Empty title={saying.noKeys}>
                <p>{isAdmin ? saying.noKeysHow : words.app.session.onlyAdmins}</p>
              </Empty>
            );
          if (wanted.length === 0)
            return (
              <Empty title={saying.noneSo}>
                <Button onClick={() => change({ find: undefined, project: undefined, state: undefined })}>
                  {words.app.filters.clear}
                </Button>
              </Empty>
            );
          return (
            <>
              {isCut && <p className="muted hint">{words.app.cut}</p>}
              <KeyTable
                keys={wanted}
                projectOf={projectOf}
                open={({ id }) => change({ open: String(id) })}
                rotate={setRotated}
                revoke={setRevoked}
              />
            </>
          );
        }}
      </Answered>
      {opened !== undefined && (
        <KeyDrawer
          of={opened}
          project={projectOf(opened.project_id)}
          rotate={() => setRotated(opened)}
          revoke={() => setRevoked(opened)}
          close={() => change({ open: undefined })}
        />
      )}
      {revoked !== null && <Revoke of={revoked} close={() => setRevoked(null)} />}
      {rotated !== null && <Rotate of={rotated} close={() => setRotated(null)} />}
    </Card>
  );
}
