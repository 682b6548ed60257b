/** Secrets towards providers: they go in and never come out. */

import { useState } from "react";
import { type Credential, useCredentials, useProjects } from "@/api/all";
import { patch, remove } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Confirm } from "@/parts/dialog";
import { Card, Grid, PageHead } from "@/parts/page";
import { Answered, Empty, said } from "@/parts/states";
import { type Column, Table } from "@/parts/table";
import { NewCredential, NewSecret } from "./forms";

const TOUCHED = ["/admin/credentials"];

export default function Page() {
  const words = useWords();
  const isAdmin = useIsAdmin();
  const [isMaking, setMaking] = useState(false);
  return (
    <>
      <PageHead title={words.app.pages.credentials} about={words.credentials.about}>
        {isAdmin && (
          <Button kind="main" onClick={() => setMaking(true)}>
            {words.credentials.add}
          </Button>
        )}
      </PageHead>
      <Grid>{isAdmin ? <Listed /> : <Empty title={words.app.session.onlyAdminsSee} />}</Grid>
      {isMaking && <NewCredential close={() => setMaking(false)} />}
    </>
  );
}

function Listed() {
  const words = useWords();
  const saying = words.credentials;
  const format = useFormat();
  const credentials = useCredentials();
  const projects = useProjects();
  const [replaced, setReplaced] = useState<Credential | null>(null);
  const [removed, setRemoved] = useState<Credential | null>(null);
  const rest = useChange(
    ({ id, disabled }: { id: number; disabled: boolean }) =>
      patch("/admin/credentials/{id}", { path: { id }, body: { disabled } }),
    TOUCHED,
  );
  const erase = useChange((id: number) => remove("/admin/credentials/{id}", { path: { id } }), TOUCHED);
  const close = () => {
    setRemoved(null);
    erase.reset();
  };
  const projectOf = (id: string | null) =>
    id === null ? saying.everybody : (projects.data?.rows.find((one) => one.id === id)?.name ?? id);
  const columns: Column<Credential>[] = [
    {
      name: saying.name,
      show: ({ id, name }) => (
        <>
          <strong>{name}</strong> <span className="muted">#{id}</span>
        </>
      ),
      by: ({ name }) => name,
    },
    { name: saying.provider, show: ({ provider }) => provider, by: ({ provider }) => provider },
    { name: saying.whose, show: (one) => projectOf(one.project_id), by: (one) => projectOf(one.project_id) },
    {
      name: saying.state,
      show: ({ disabled_at }) => (
        <Badge tone={disabled_at === null ? "good" : "warn"}>
          {disabled_at === null ? saying.serves : saying.rests}
        </Badge>
      ),
      by: ({ disabled_at }) => disabled_at,
    },
    {
      name: saying.created,
      show: ({ created_at }) => format.day(created_at),
      by: ({ created_at }) => created_at,
    },
    {
      name: saying.actions,
      show: (one) => (
        <span className="row actions">
          <Button
            className="small"
            aria-label={`${one.disabled_at === null ? saying.rest : saying.serve}: ${one.name}`}
            onClick={() => rest.mutate({ id: one.id, disabled: one.disabled_at === null })}
          >
            {one.disabled_at === null ? saying.rest : saying.serve}
          </Button>
          <Button
            className="small"
            aria-label={`${saying.replace}: ${one.name}`}
            onClick={() => setReplaced(one)}
          >
            {saying.replace}
          </Button>
          <Button
            className="small"
            kind="danger"
            aria-label={`${saying.remove}: ${one.name}`}
            onClick={() => setRemoved(one)}
          >
            {saying.remove}
          </Button>
        </span>
      ),
    },
  ];
  return (
    <Card title={saying.title}>
      {rest.error && (
        <p role="alert" className="bad">
          {said(rest.error, words)}
        </p>
      )}
      <Answered query={credentials}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title={saying.none}>
              <p>{saying.noneHow}</p>
            </Empty>
          ) : (
            <Table label={saying.title} rows={rows} keyOf={({ id }) => id} columns={columns} />
          )
        }
      </Answered>
      {replaced !== null && <NewSecret of={replaced} close={() => setReplaced(null)} />}
      {removed !== null && (
        <Confirm
          title={saying.removeTitle}
          text={saying.removeText(removed.name)}
          yes={saying.remove}
          isBusy={erase.isPending}
          error={erase.error === null ? undefined : said(erase.error, words)}
          confirm={() => erase.mutate(removed.id, { onSuccess: close })}
          close={close}
        />
      )}
    </Card>
  );
}
