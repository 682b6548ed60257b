import { useState } from "react";
import type { All, Project } from "@/api/all";
import { patch, post } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Confirm } from "@/parts/dialog";
import { NameDialog } from "@/parts/name-dialog";
import { Card } from "@/parts/page";
import { Answered, Empty, said } from "@/parts/states";
import { type Column, Table } from "@/parts/table";

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
    { name: saying.name, show: ({ name }) => <strong>{name}</strong>, by: ({ name }) => name },
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
    { name: "id", show: ({ id }) => <code>{id}</code> },
  ];
  if (isAdmin) {
    columns.push({
      name: saying.actions,
      show: (project) => (
        <span className="row">
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
      <Answered query={query}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title={saying.noProjects} />
          ) : (
            <Table label={saying.projects} rows={rows} keyOf={({ id }) => id} columns={columns} />
          )
        }
      </Answered>
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
