import { type Key, type Project } from "@/api/all";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat, useNow } from "@/app/view";
import { Badge, type Tone } from "@/parts/badge";
import { Button } from "@/parts/button";
import { type Column, Table } from "@/parts/table";

export const STATE_TONES: Readonly<Record<Key["state"], Tone>> = {
  active: "good",
  withered: "warn",
  revoked: "bad",
};
const TICK_MS = 60_000;

interface Props {
  readonly keys: readonly Key[];
  readonly projectOf: (id: Project["id"] | null) => string;
  readonly open: (key: Key) => void;
  readonly rotate: (key: Key) => void;
  readonly revoke: (key: Key) => void;
}

export function KeyTable({ keys, projectOf, open, rotate, revoke }: Props) {
  const words = useWords();
  const saying = words.keys;
  const format = useFormat();
  const now = useNow(TICK_MS);
  const isAdmin = useIsAdmin();
  const when = (at: string | null) =>
    at === null ? (
      <span className="muted">{saying.never}</span>
    ) : (
      <time title={format.moment(at)}>{format.ago(at, now)}</time>
    );
  const columns: Column<Key>[] = [
    {
      name: saying.name,
      show: (key) => (
        <>
          <button type="button" className="link strong" onClick={() => open(key)}>
            {key.name}
          </button>
          <div className="muted hint">
            <code>{key.prefix}…</code>
          </div>
        </>
      ),
      by: ({ name }) => name,
    },
    {
      name: saying.state,
      show: ({ state }) => <Badge tone={STATE_TONES[state]}>{saying.states[state]}</Badge>,
      by: ({ state }) => state,
    },
    {
      name: saying.project,
      show: (key) =>
        key.project_id === null ? (
          <span className="muted">{saying.noProject}</span>
        ) : (
          projectOf(key.project_id)
        ),
      by: (key) => (key.project_id === null ? null : projectOf(key.project_id)),
    },
    { name: saying.expires, show: ({ expires_at }) => when(expires_at), by: ({ expires_at }) => expires_at },
    {
      name: saying.lastUsed,
      show: ({ last_used_at }) => when(last_used_at),
      by: ({ last_used_at }) => last_used_at,
    },
    { name: saying.allowed, show: (key) => <Allowed of={key} /> },
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
          <span className="row actions">
            {key.state === "active" && (
              <Button
                className="small"
                aria-label={`${saying.rotate}: ${key.name}`}
                onClick={() => rotate(key)}
              >
                {saying.rotate}
              </Button>
            )}
            <Button
              className="small"
              kind="danger"
              aria-label={`${saying.revoke}: ${key.name}`}
              onClick={() => revoke(key)}
            >
              {saying.revoke}
            </Button>
          </span>
        ),
    });
  }
  return <Table label={saying.keys} rows={keys} keyOf={({ id }) => id} columns={columns} />;
}

/** What a key may use, in short; all of it is in its drawer. */
function Allowed({ of }: { of: Key }) {
  const words = useWords();
  const lists = [of.allowed_models, of.allowed_providers, of.allowed_endpoints, of.allowed_accounts];
  if (lists.every((one) => one === null)) return <span className="muted">{words.keys.everything}</span>;
  const all = lists.flatMap((one) => one ?? []).join(", ");
  return (
    <span className="brief" title={all}>
      {all === "" ? words.app.none : all}
    </span>
  );
}
