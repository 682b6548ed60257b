import { useState } from "react";
import type { Key, Project } from "@/api/all";
import { remove } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat, useNow } from "@/app/view";
import { Badge, type Tone } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Confirm } from "@/parts/dialog";
import { said } from "@/parts/states";
import { type Column, Table } from "@/parts/table";
import { Rotate } from "./rotate";

const TONES: Readonly<Record<Key["state"], Tone>> = { active: "good", withered: "warn", revoked: "bad" };
const MINUTE_MS = 60_000;

export function KeyTable({ keys, projects }: { keys: readonly Key[]; projects: readonly Project[] }) {
  const words = useWords();
  const saying = words.keys;
  const format = useFormat();
  const now = useNow(MINUTE_MS);
  const isAdmin = useIsAdmin();
  const [revoked, setRevoked] = useState<Key | null>(null);
  const [rotated, setRotated] = useState<Key | null>(null);
  const revoke = useChange((id: number) => remove("/admin/keys/{id}", { path: { id } }), ["/admin/keys"]);
  const close = () => {
    setRevoked(null);
    revoke.reset();
  };
  const projectOf = (id: string | null) =>
    id === null ? saying.noProject : (projects.find((one) => one.id === id)?.name ?? id);
  const columns: Column<Key>[] = [
    {
      name: saying.name,
      show: ({ name, prefix }) => (
        <>
          <strong>{name}</strong> <code className="muted">{prefix}…</code>
        </>
      ),
      by: ({ name }) => name,
    },
    {
      name: saying.state,
      show: ({ state }) => <Badge tone={TONES[state]}>{saying.states[state]}</Badge>,
      by: ({ state }) => state,
    },
    {
      name: saying.project,
      show: (key) => projectOf(key.project_id),
      by: (key) => projectOf(key.project_id),
    },
    {
      name: saying.expires,
      show: ({ expires_at }) =>
        expires_at === null ? (
          saying.never
        ) : (
          <time title={format.moment(expires_at)}>{format.ago(expires_at, now)}</time>
        ),
      by: ({ expires_at }) => expires_at,
    },
    {
      name: saying.lastUsed,
      show: ({ last_used_at }) =>
        last_used_at === null ? (
          saying.never
        ) : (
          <time title={format.moment(last_used_at)}>{format.ago(last_used_at, now)}</time>
        ),
      by: ({ last_used_at }) => last_used_at,
    },
    { name: saying.allowed, show: allowed },
    {
      name: saying.calls,
      isNumber: true,
      show: ({ calls }) => format.count(calls),
      by: ({ calls }) => calls,
    },
    {
      name: saying.tokens,
      isNumber: true,
      show: ({ total_tokens }) => format.short(total_tokens),
      by: ({ total_tokens }) => total_tokens,
    },
    {
      name: saying.cost,
      isNumber: true,
      show: ({ cost_usd }) => format.usd(cost_usd),
      by: ({ cost_usd }) => cost_usd,
    },
  ];
  if (isAdmin) {
    columns.push({
      name: saying.actions,
      show: (key) =>
        key.state === "revoked" ? null : (
          <span className="row">
            {key.state === "active" && (
              <Button
                className="small"
                aria-label={`${saying.rotate}: ${key.name}`}
                onClick={() => setRotated(key)}
              >
                {saying.rotate}
              </Button>
            )}
            <Button
              className="small"
              kind="danger"
              aria-label={`${saying.revoke}: ${key.name}`}
              onClick={() => setRevoked(key)}
            >
              {saying.revoke}
            </Button>
          </span>
        ),
    });
  }
  function allowed({ allowed_models, allowed_providers, allowed_endpoints }: Key) {
    const some = [allowed_models, allowed_providers, allowed_endpoints].flatMap((one) => one ?? []);
    const isOpen = [allowed_models, allowed_providers, allowed_endpoints].every((one) => one === null);
    return isOpen ? saying.everything : some.length === 0 ? words.app.none : some.join(", ");
  }
  return (
    <>
      <Table label={saying.keys} rows={keys} keyOf={({ id }) => id} columns={columns} />
      {revoked !== null && (
        <Confirm
          title={saying.revokeTitle}
          text={saying.revokeText(revoked.name)}
          yes={saying.revoke}
          isBusy={revoke.isPending}
          error={revoke.error === null ? undefined : said(revoke.error, words)}
          confirm={() => revoke.mutate(revoked.id, { onSuccess: close })}
          close={close}
        />
      )}
      {rotated !== null && <Rotate of={rotated} close={() => setRotated(null)} />}
    </>
  );
}
