/** One call as a whole, beside the list that it was picked from. */

import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { useAsked } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { shared, useFormat, useUrl } from "@/app/view";
import { Button } from "@/parts/button";
import { Copy } from "@/parts/copy";
import { Dialog } from "@/parts/dialog";
import { Answered } from "@/parts/states";
import { type CallFilterName, changeOf } from "@/pure/call-filters";
import { isOpen } from "@/pure/calls";
import { UNKNOWN } from "@/pure/format";
import { type Whole, wholeOf } from "@/pure/whole-call";
import { Attempts } from "./attempts";
import { OutcomeBadge } from "./columns";
import { Cost } from "./cost";
import { Running } from "./running";
import { Timeline } from "./timeline";
import { Usage } from "./usage";

const OPEN_MS = 1_500;

interface Props {
  readonly id: string;
  /** Its neighbours in the list, if it has any there. */
  readonly newer: string | undefined;
  readonly older: string | undefined;
  readonly open: (id: string | undefined) => void;
}

export function CallDrawer({ id, newer, older, open }: Props) {
  const words = useWords();
  const query = useAsked("/admin/logs/{id}", { path: { id } }, { refetchInterval: false });
  const { data, refetch } = query;
  const call = data?.id === id ? data : undefined;
  const isPending = call !== undefined && isOpen(call);
  useEffect(() => {
    if (!isPending) return;
    const timer = setInterval(() => void refetch(), OPEN_MS);
    return () => clearInterval(timer);
  }, [isPending, refetch]);

  useEffect(() => {
    const go = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || isScrolling(event.target)) return;
      const to = { ArrowLeft: newer, ArrowRight: older }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      open(to);
    };
    document.addEventListener("keydown", go);
    return () => document.removeEventListener("keydown", go);
  }, [newer, older, open]);

  return (
    <Dialog title={words.calls.drawer.title(id)} isDrawer close={() => open(undefined)}>
      <div className="stack">
        <div className="call-nav">
          <Button
            className="small"
            aria-keyshortcuts="ArrowLeft"
            disabled={newer === undefined}
            onClick={() => open(newer)}
          >
            {words.calls.drawer.newer}
          </Button>
          <Button
            className="small"
            aria-keyshortcuts="ArrowRight"
            disabled={older === undefined}
            onClick={() => open(older)}
          >
            {words.calls.drawer.older}
          </Button>
          {(newer ?? older) !== undefined && <small className="muted">{words.calls.drawer.keys}</small>}
        </div>
        <Answered query={{ ...query, data: call, isPending: call === undefined && query.error === null }}>
          {(found) => <Shown whole={wholeOf(found)} />}
        </Answered>
      </div>
    </Dialog>
  );
}

/** Whether the arrow keys belong to what has the focus. */
function isScrolling(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("pre, .table-frame, input, select, textarea") !== null;
}

function Shown({ whole }: { whole: Whole }) {
  const words = useWords();
  const format = useFormat();
  const { call, facts } = whole;
  return (
    <>
      <div className="call-head">
        <OutcomeBadge call={call} words={words} />
        {facts.status !== null && <span>HTTP {facts.status}</span>}
        <strong>{facts.model ?? UNKNOWN}</strong>
        <span className="muted">{format.moment(call.started_at)}</span>
        <span>{isOpen(call) ? <Running since={call.started_at} /> : format.ms(facts.latency_ms)}</span>
        <span>{format.usd(facts.cost.usd)}</span>
      </div>
      {isOpen(call) && <p className="muted">{words.calls.drawer.pending}</p>}
      {(facts.error_code ?? facts.error_message) !== null && (
        <div className="call-error">
          <h3>{words.calls.drawer.error}</h3>
          <p>
            {facts.error_code !== null && <code>{facts.error_code}</code>} {facts.error_message}
          </p>
        </div>
      )}
      {facts.incomplete === true && <p className="warn">{words.calls.drawer.incomplete}</p>}
      <Section title={words.calls.time.title}>
        <Timeline whole={whole} />
      </Section>
      <Section title={words.calls.drawer.who}>
        <Whose whole={whole} />
      </Section>
      <Section title={words.calls.drawer.usage}>
        <Usage whole={whole} />
      </Section>
      <Section title={words.calls.drawer.cost}>
        <Cost whole={whole} />
      </Section>
      <Section title={words.calls.drawer.attempts}>
        <Attempts whole={whole} />
      </Section>
      <Section title={words.calls.drawer.request}>
        <Facts whole={whole} />
      </Section>
      <Section title={words.calls.drawer.ids}>
        <Ids whole={whole} />
      </Section>
    </>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="call-section" aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

/** Who made it, each with a way to all that they made. */
function Whose({ whole: { facts } }: { whole: Whole }) {
  const words = useWords();
  const { key, project } = facts;
  const rows: [Exclude<CallFilterName, "status">, string | null, string | null][] = [
    ["tool", facts.tool, null],
    ["client", facts.client, null],
    ["session", facts.session, null],
    ["agent", facts.agent, null],
    ["project", project?.id ?? null, project?.name ?? null],
    ["key", key === null ? null : String(key.id), key === null ? null : (key.name ?? `#${key.id}`)],
    ["provider", facts.provider, null],
    ["account", facts.account, null],
  ];
  return (
    <dl className="facts">
      {rows.map(([name, value, called]) => (
        <Fact key={name} name={words.app.dimensions[name]}>
          {value === null ? UNKNOWN : <AllOf name={name} value={value} called={called ?? value} />}
        </Fact>
      ))}
    </dl>
  );
}

function AllOf({ name, value, called }: { name: CallFilterName; value: string; called: string }) {
  const words = useWords();
  const [search] = useUrl();
  return (
    <Link
      to="/calls"
      search={{ ...shared(search), ...changeOf(name, value) } as never}
      title={words.calls.drawer.allOf(called)}
    >
      {called}
    </Link>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Facts({ whole }: { whole: Whole }) {
  const words = useWords();
  const format = useFormat();
  const { facts } = whole;
  const names = words.calls.facts;
  const rows: [string, ReactNode][] = [
    [names.method, `${facts.method} ${facts.path}`],
    [names.dialect, facts.dialect],
    [names.asked, facts.model],
    [names.served, facts.model_served],
    [names.streamed, facts.streamed ? words.calls.yes : words.calls.no],
    [names.tier, facts.service_tier],
    [names.finish, facts.finish_reason],
    [names.request, format.bytes(facts.request_bytes)],
    [names.answer, format.bytes(facts.response_bytes)],
    [names.messages, format.count(facts.message_count)],
    [names.outputMax, format.count(facts.max_output_tokens)],
    [names.held, format.usd(facts.cost.held_usd)],
    [names.userAgent, facts.user_agent],
    [names.origin, facts.origin],
    [names.address, facts.client_address],
    [names.trouble, facts.trouble.length === 0 ? null : facts.trouble.join(", ")],
  ];
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <Fact key={name} name={name}>
          {value ?? UNKNOWN}
        </Fact>
      ))}
    </dl>
  );
}

function Ids({ whole }: { whole: Whole }) {
  const words = useWords();
  const { call, facts } = whole;
  const names = words.calls.facts;
  const ids: [string, string | null][] = [
    [names.callId, call.id],
    [names.upstreamId, facts.upstream_request_id],
    [names.messageId, facts.message_id],
    [names.session, facts.session],
  ];
  const json = JSON.stringify(call, null, 2);
  return (
    <div className="stack">
      <div className="call-ids">
        {ids.map(([name, id]) => id !== null && <IdRow key={name} name={name} id={id} />)}
      </div>
      <details>
        <summary>{names.json}</summary>
        <div className="snippet">
          <Copy text={json} />
          <pre className="call-json" tabIndex={0}>
            {json}
          </pre>
        </div>
      </details>
    </div>
  );
}

function IdRow({ name, id }: { name: string; id: string }) {
  return (
    <>
      <span className="muted">{name}</span>
      <code>{id}</code>
      <Copy text={id} />
    </>
  );
}
