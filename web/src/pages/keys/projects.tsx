import { useState } from "react";
import { type All, type Project, useKeys } from "@/api/all";
import { patch, post } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat, useUrl } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Confirm } from "@/parts/dialog";
import { NameDialog } from "@/parts/name-dialog";
import { Card } from "@/parts/page";
import { Answered, Empty, said } from "@/parts/states";
import { type Column, Table } from "@/parts/table";
import { ProjectDrawer } from "./project-drawer";

interface Query {
  readonly data: All<Project> | undefined;
  readonly error: unknown;
  readonly isPending: boolean;
  readonly refetch: () => unknown;
}

const TOUCHED = ["/admin/projects", "/admin/keys"];

export function Projects({ query }: { query: Query }) {
  const words = useWords();
  const saying = words.keys;
  const format = useFormat();
  const isAdmin = useIsAdmin();
  const [search, goTo] = useUrl();
  const keyCounts = new Map<string | null, number>();
  for (const { project_id } of useKeys().data?.rows ?? [])
    keyCounts.set(project_id, (keyCounts.get(project_id) ?? 0) + 1);
  const opened = query.data?.rows.find(({ id }) => id === search.open);
  const [isMaking, setMaking] = useState(false);
  const [renamed, setRenamed] = useState<Project | null>(null);
  const [archived, setArchived] = useState<Project | null>(null);
  const make = useChange((name: string) => post("/admin/projects", { body: { name } }), TOUCHED);
  const change = useChange(
    ({ id, ...body }: { id: string; name?: string; archived?: boolean }) =>
      patch("/admin/projects/{id}", { path: { id }, body }),
    TOUCHED,
  );
  const close = () => {
    setMaking(false);
    setRenamed(null);
    setArchived(null);
    make.reset();
    change.reset();
  };
  const columns: Column<Project>[] = [
    {
      name: saying.name,
      show: ({ id, name }) => (
        <button type="button" className="link strong" onClick={() => goTo({ open: id })}>
          {name}
        </button>
      ),
      by: ({ name }) => name,
    },
    {
      name: saying.state,
      show: ({ is_active }) => (
        <Badge tone={is_active ? "good" : "plain"}>{is_active ? saying.active : saying.archived}</Badge>
      ),
      by: ({ is_active }) => String(is_active),
    },
    {
      name: saying.created,
      show: ({ created_at }) => format.day(created_at),
      by: ({ created_at }) => created_at,
    },
    {
      name: saying.keyCount,
      isNumber: true,
      show: ({ id }) => format.count(keyCounts.get(id) ?? 0),
      by: ({ id }) => keyCounts.get(id) ?? 0,
    },
    { name: "id", show: ({ id }) => <code className="muted nowrap">{id}</code> },
  ];
  if (isAdmin) {
    columns.push({
      name: saying.actions,
      show: (project) => (
        <span className="row actions">
          <Button
            className="small"
            aria-label={`${saying.rename}: ${project.name}`}
            onClick={() => setRenamed(project)}
          >
            {saying.rename}
          </Button>
          {project.is_active ? (
            <Button
              className="small"
              kind="danger"
              aria-label={`${saying.archive}: ${project.name}`}
              onClick={() => setArchived(project)}
            >
              {saying.archive}
            </Button>
          ) : (
            <Button
              className="small"
              aria-label={`${saying.unarchive}: ${project.name}`}
              onClick={() => change.mutate({ id: project.id, archived: false })}
            >
              {saying.unarchive}
            </Button>
          )}
        </span>
      ),
    });
  }
  return (
    <Card
      title={saying.projects}
      actions={isAdmin && <Button onClick={() => setMaking(true)}>{saying.newProject}</Button>}
    >
      {/* Of what has a window of its own, that tells. */}
      {change.error !== null && renamed === null && archived === null && (
        <p role="alert" className="bad">
          {said(change.error, words)}
        </p>
      )}
      <Answered query={query}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title={saying.noProjects}>
              <p>{isAdmin ? saying.noProjectsHow : words.app.session.onlyAdmins}</p>
            </Empty>
          ) : (
            <Table
              label={saying.projects}
              rows={rows.toReversed()}
              keyOf={({ id }) => id}
              columns={columns}
            />
          )
        }
      </Answered>
      {opened !== undefined && (
        <ProjectDrawer
          of={opened}
          keys={keyCounts.get(opened.id) ?? 0}
          showKeys={() => goTo({ open: undefined, project: opened.id })}
          close={() => goTo({ open: undefined })}
        />
      )}
      {isMaking && (
        <NameDialog
          title={saying.newProject}
          label={saying.projectName}
          yes={saying.create}
          isBusy={make.isPending}
          error={make.error}
          send={(name) => make.mutate(name, { onSuccess: close })}
          close={close}
        />
      )}
      {renamed !== null && (
        <NameDialog
          title={saying.rename}
          label={saying.projectName}
          before={renamed.name}
          yes={words.app.save}
          isBusy={change.isPending}
          error={change.error}
          send={(name) => change.mutate({ id: renamed.id, name }, { onSuccess: close })}
          close={close}
        />
      )}
      {archived !== null && (
        <Confirm
          title={saying.archiveTitle}
          text={saying.archiveText(archived.name)}
          yes={saying.archive}
          isBusy={change.isPending}
          error={change.error === null ? undefined : said(change.error, words)}
          confirm={() => change.mutate({ id: archived.id, archived: true }, { onSuccess: close })}
          close={close}
        />
      )}
    </Card>
  );
}
