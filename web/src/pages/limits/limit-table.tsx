import { useState } from "react";
import type { Limit } from "@/api/all";
import { remove } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { Badge, type Tone } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Confirm } from "@/parts/dialog";
import { said } from "@/parts/states";
import { type Column, Table } from "@/parts/table";
import { ChangeLimit } from "./forms";
import { Standings, useAmount } from "./standings";

const TONES: Readonly<Record<Limit["action"], Tone>> = { refuse: "accent", warn: "warn", shadow: "plain" };

interface Props {
  readonly label: string;
  readonly limits: readonly Limit[];
  /** Whose they are is known already: it is not said, and of those counted alone only this one. */
  readonly of?: string;
}

/** Limits as they stand, and what can be done with them. */
export function LimitTable({ label, limits, of }: Props) {
  const words = useWords();
  const saying = words.limits;
  const isAdmin = useIsAdmin();
  const scopeOf = useScope();
  const sayingOf = useSaying();
  const [changed, setChanged] = useState<Limit | null>(null);
  const [removed, setRemoved] = useState<Limit | null>(null);
  const erase = useChange((id: number) => remove("/admin/limits/{id}", { path: { id } }), ["/admin/limits"]);
  const close = () => {
    setRemoved(null);
    erase.reset();
  };
  const columns: Column<Limit>[] = [
    {
      name: saying.what,
      show: (one) => (
        <>
          <strong>{sayingOf(one)}</strong>
          <Notes limit={one} isShared={of !== undefined && one.scope.id === null} />
        </>
      ),
      by: ({ measure }) => measure,
    },
    { name: saying.standing, show: (one) => <Standings limit={one} {...(of === undefined ? {} : { of })} /> },
    {
      name: saying.action,
      show: ({ action }) => <Badge tone={TONES[action]}>{saying[action]}</Badge>,
      by: ({ action }) => action,
    },
  ];
  if (of === undefined)
    columns.unshift({
      name: saying.whose,
      show: (one) => scopeOf(one.scope),
      by: (one) => scopeOf(one.scope),
    });
  if (isAdmin) {
    columns.push({
      name: saying.actions,
      show: (one) =>
        one.source === "configuration" ? (
          <Badge>{saying.configured}</Badge>
        ) : (
          <span className="row actions">
            <Button
              className="small"
              aria-label={`${saying.edit}: ${scopeOf(one.scope)}, ${sayingOf(one)}`}
              onClick={() => setChanged(one)}
            >
              {saying.edit}
            </Button>
            <Button
              className="small"
              kind="danger"
              aria-label={`${saying.remove}: ${scopeOf(one.scope)}, ${sayingOf(one)}`}
              onClick={() => setRemoved(one)}
            >
              {saying.remove}
            </Button>
          </span>
        ),
    });
  }
  return (
    <>
      <Table label={label} rows={limits} keyOf={({ id }) => id} columns={columns} />
      {changed !== null && (
        <ChangeLimit
          of={changed}
          title={`${scopeOf(changed.scope)}: ${sayingOf(changed)}`}
          close={() => setChanged(null)}
        />
      )}
      {removed !== null && (
        <Confirm
          title={saying.removeTitle}
          text={saying.removeText(scopeOf(removed.scope), sayingOf(removed))}
          yes={saying.remove}
          isBusy={erase.isPending}
          error={erase.error === null ? undefined : said(erase.error, words)}
          confirm={() => erase.mutate(removed.id, { onSuccess: close })}
          close={close}
        />
      )}
    </>
  );
}

/** Its name, and what is unusual about it. */
function Notes({ limit, isShared }: { limit: Limit; isShared: boolean }) {
  const { limits: words } = useWords();
  const notes = [
    limit.name,
    limit.sliding ? words.sliding : limit.zone === "UTC" ? null : limit.zone,
    isShared ? words.ofEach : null,
  ].filter((part) => part !== null);
  return notes.length === 0 ? null : <div className="muted hint">{notes.join(" · ")}</div>;
}

/** `$12.50 per month`. */
function useSaying(): (limit: Limit) => string {
  const { limits: words } = useWords();
  const amountOf = useAmount();
  return ({ amount, measure, window }) => {
    const isAtOneTime = measure === "concurrent_calls";
    return [
      amountOf(amount, measure),
      measure === "cost" ? null : words.measures[measure],
      isAtOneTime ? null : words.windows[window],
    ]
      .filter((part) => part !== null)
      .join(" ");
  };
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
