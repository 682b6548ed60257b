import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Key } from "@/api/all";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat, useNow } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Dialog } from "@/parts/dialog";
import { LimitsOf } from "@/pages/limits/limits-of";
import { ChangeKey } from "./change-key";
import { STATE_TONES } from "./key-table";
import { LISTS } from "./restrictions";

const TICK_MS = 60_000;

interface Props {
  readonly of: Key;
  readonly project: string;
  readonly rotate: () => void;
  readonly revoke: () => void;
  readonly close: () => void;
}

/** All there is to know of a key, and everything that can be done with it. */
export function KeyDrawer({ of, project, rotate, revoke, close }: Props) {
  const words = useWords();
  const saying = words.keys;
  const format = useFormat();
  const now = useNow(TICK_MS);
  const isAdmin = useIsAdmin();
  const [isChanging, setChanging] = useState(false);
  const when = (at: string | null) =>
    at === null ? saying.never : `${format.moment(at)} (${format.ago(at, now)})`;
  const restricted = LISTS.filter((one) => of[one] !== null);
  const list = (some: readonly string[] | null) => some?.join(", ") || words.app.none;
  const facts: readonly (readonly [string, string])[] = [
    [saying.project, project],
    [saying.created, format.moment(of.created_at)],
    [saying.expires, when(of.expires_at)],
    ...(of.revoked_at === null ? [] : [[saying.revoked, when(of.revoked_at)] as const]),
    [saying.lastUsed, when(of.last_used_at)],
    ...(restricted.length === 0 ? [[saying.allowed, saying.everything] as const] : []),
    ...restricted.map((one) => [saying.mayUse[one], list(of[one])] as const),
    ...Object.entries(of.tags).map(([name, value]) => [`${saying.tag} ${name}`, value] as const),
    ...(of.predecessor_id === null ? [] : [[saying.replaces, `#${of.predecessor_id}`] as const]),
    [saying.calls, format.count(of.calls)],
    [saying.tokens, format.count(of.total_tokens)],
    [saying.cost, format.usd(of.cost_usd)],
  ];
  return (
    <Dialog title={of.name} isDrawer close={close}>
      <div className="stack">
        <p className="row">
          <Badge tone={STATE_TONES[of.state]}>{saying.states[of.state]}</Badge>
          <code className="muted">{of.prefix}…</code>
          <Link to="/calls" search={{ key: String(of.id), range: "1mo" } as never}>
            {saying.itsCalls}
          </Link>
        </p>
        {isAdmin && of.state !== "revoked" && (
          <div className="row">
            <Button onClick={() => setChanging(true)}>{saying.change}</Button>
            {of.state === "active" && <Button onClick={rotate}>{saying.rotate}</Button>}
            <Button kind="danger" onClick={revoke}>
              {saying.revoke}
            </Button>
          </div>
        )}
        <dl className="facts">
          {facts.map(([name, value]) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <LimitsOf kind="key" id={String(of.id)} name={of.name} />
      </div>
      {isChanging && <ChangeKey of={of} close={() => setChanging(false)} />}
    </Dialog>
  );
}
