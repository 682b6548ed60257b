/** Ceilings on calls, tokens and cost, and how they stand. */

import { useState } from "react";
import { type Limit, useLimits } from "@/api/all";
import { remove } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { Badge } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Confirm } from "@/parts/dialog";
import { Card, Grid, PageHead } from "@/parts/page";
import { Answered, Empty, said } from "@/parts/states";
import { type Column, Table } from "@/parts/table";
import { ChangeLimit, NewLimit } from "./forms";
import { Standings, useAmount } from "./standings";

export default function Page() {
  const words = useWords();
  const isAdmin = useIsAdmin();
  const [isMaking, setMaking] = useState(false);
  return (
    <>
      <PageHead title={words.app.pages.limits} about={words.limits.about}>
        {isAdmin && (
          <Button kind="main" onClick={() => setMaking(true)}>
            {words.limits.add}
          </Button>
        )}
      </PageHead>
      <Grid>
        <Listed />
      </Grid>
      {isMaking && <NewLimit close={() => setMaking(false)} />}
    </>
  );
}

function Listed() {
  const words = useWords();
  const saying = words.limits;
  const isAdmin = useIsAdmin();
  const limits = useLimits();
  const scopeOf = useScope();
  const amountOf = useAmount();
  const [changed, setChanged] = useState<Limit | null>(null);
  const [removed, setRemoved] = useState<Limit | null>(null);
  const erase = useChange((id: number) => remove("/admin/limits/{id}", { path: { id } }), ["/admin/limits"]);
  const close = () => {
    setRemoved(null);
    erase.reset();
  };
  const columns: Column<Limit>[] = [
    { name: saying.whose, show: (one) => scopeOf(one.scope), by: (one) => scopeOf(one.scope) },
    {
      name: saying.what,
      show: (one) => (
        <>
          <strong>{amountOf(one.amount, one.measure)}</strong> {saying.measures[one.measure]}{" "}
          {saying.windows[one.window]}
          <br />
          <small className="muted">
            {[one.name, one.sliding ? saying.sliding : one.zone === "UTC" ? null : one.zone]
              .filter((part) => part !== null)
              .join(" · ")}
          </small>
        </>
      ),
      by: ({ measure }) => measure,
    },
    { name: saying.standing, show: (one) => <Standings limit={one} /> },
    { name: saying.action, show: ({ action }) => saying[action], by: ({ action }) => action },
  ];
  if (isAdmin) {
    columns.push({
      name: saying.actions,
      show: (one) =>
        one.source === "configuration" ? (
          <Badge>{saying.configured}</Badge>
        ) : (
          <span className="row">
            <Button className="small" onClick={() => setChanged(one)}>
              {saying.edit}
            </Button>
            <Button className="small" kind="danger" onClick={() => setRemoved(one)}>
              {saying.remove}
            </Button>
          </span>
        ),
    });
  }
  return (
    <Card title={saying.title}>
      <Answered query={limits}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title={saying.none} />
          ) : (
            <Table label={saying.title} rows={rows} keyOf={({ id }) => id} columns={columns} />
          )
        }
      </Answered>
      {changed !== null && <ChangeLimit of={changed} close={() => setChanged(null)} />}
      {removed !== null && (
        <Confirm
          title={saying.removeTitle}
          text={saying.removeText}
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

/** Whose calls a limit counts, by the names that people know. */
function useScope(): (scope: Limit["scope"]) => string {
  const { limits: words } = useWords();
  const nameOf = useNames();
  return ({ kind, id, tool, client }) => {
    if (kind === "global") return words.kinds.global;
    if (kind === "tool_client")
      return [tool, client].filter((one) => one !== null).join("/") || words.kinds[kind];
    if (id === null) return `${words.each} ${words.kinds[kind]}`;
    return `${words.kinds[kind]} ${nameOf(kind, id)}`;
  };
}
