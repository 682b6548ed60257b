/** What a list of calls can show of one, column by column. */

import type { ReactNode } from "react";
import type { NameOf } from "@/app/names";
import { Badge, type Tone } from "@/parts/badge";
import type { CallFilterName } from "@/pure/call-filters";
import { type Call, figuresOf, isOpen, type Outcome, outcomeOf } from "@/pure/calls";
import { type Format, UNKNOWN } from "@/pure/format";
import type { Words } from "@/words/words";
import { Running } from "./running";

/** What a cell is written with. */
export interface Pen {
  readonly format: Format;
  readonly words: Words;
  readonly nameOf: NameOf;
  /** Clocks of open calls stand still at this moment; `null`: they run. */
  readonly stoppedAt: number | null;
  /** Whether a moment goes without its day. */
  readonly isToday: boolean;
}

export interface CallColumn {
  readonly name: ColumnName;
  /** In rem. */
  readonly width: number;
  readonly isNumber?: boolean;
  readonly show: (call: Call, pen: Pen) => ReactNode;
  /** The filter that finds the calls with the same in this column, and its value; `null`: nobody said it. */
  readonly filter?: (call: Call) => readonly [CallFilterName, string | null];
}

const TONES: Record<Outcome, Tone> = {
  pending: "accent",
  completed: "plain",
  failed: "bad",
  refused: "bad",
  aborted: "warn",
  interrupted: "warn",
};

export function OutcomeBadge({ call, words }: { call: Call; words: Words }) {
  const outcome = outcomeOf(call);
  return <Badge tone={TONES[outcome]}>{words.app.outcomes[outcome]}</Badge>;
}

/** What a row calls a tool, model or client that nobody said. */
const NOBODY = "unknown";
const orNull = (text: string | null) => (text === NOBODY ? null : text);
const orDash = (text: string | null) => (text === null || text === NOBODY ? UNKNOWN : text);

const made = {
  time: {
    width: 9.9,
    show: (call: Call, { format, isToday }: Pen) => (isToday ? format.time : format.stamp)(call.started_at),
  },
  outcome: {
    width: 8.6,
    show: (call: Call, { words }: Pen) => <OutcomeBadge call={call} words={words} />,
    filter: (call: Call) => ["outcome", outcomeOf(call)],
  },
  status: {
    width: 4.4,
    show: (call: Call) => call.status ?? UNKNOWN,
    filter: (call: Call) => ["status", call.status === null ? null : `${call.status}-${call.status}`],
  },
  tool: {
    width: 7.8,
    show: (call: Call) => orDash(call.tool),
    filter: (call: Call) => ["tool", orNull(call.tool)],
  },
  client: {
    width: 7.5,
    show: (call: Call) => orDash(call.client_id),
    filter: (call: Call) => ["client", orNull(call.client_id)],
  },
  session: {
    width: 12,
    show: (call: Call) => orDash(call.exact.session),
    filter: (call: Call) => ["session", call.exact.session],
  },
  agent: {
    width: 8,
    show: (call: Call) => orDash(call.agent),
    filter: (call: Call) => ["agent", call.agent],
  },
  model: {
    width: 9.1,
    show: (call: Call) => orDash(call.model),
    filter: (call: Call) => ["model", orNull(call.model)],
  },
  served: { width: 14, show: (call: Call) => orDash(call.actual_model) },
  provider: {
    width: 6.4,
    show: (call: Call) => call.provider,
    filter: (call: Call) => ["provider", call.provider],
  },
  account: {
    width: 12,
    show: (call: Call) => orDash(call.cliproxy_account),
    filter: (call: Call) => ["account", call.cliproxy_account],
  },
  key: {
    width: 9,
    show: (call: Call, { nameOf }: Pen) =>
      call.proxy_api_key_id === null ? UNKNOWN : nameOf("key", String(call.proxy_api_key_id)),
    filter: (call: Call) => ["key", call.proxy_api_key_id === null ? null : String(call.proxy_api_key_id)],
  },
  project: {
    width: 9,
    show: ({ exact }: Call, { nameOf }: Pen) =>
      exact.project_id === null ? UNKNOWN : nameOf("project", exact.project_id),
    filter: ({ exact }: Call) => ["project", exact.project_id],
  },
  path: { width: 12, show: (call: Call) => call.path },
  streamed: {
    width: 6,
    show: (call: Call, { words }: Pen) => (call.streamed === 1 ? words.calls.yes : words.calls.no),
  },
  input: number(5.3, (call, { format }) => format.count(figuresOf(call).input)),
  cacheRead: number(6.7, (call, { format }) => format.count(figuresOf(call).cacheRead)),
  cacheWrite: number(6.8, (call, { format }) => format.count(figuresOf(call).cacheWrite)),
  output: number(5.5, (call, { format }) => format.count(figuresOf(call).output)),
  reasoning: number(6, (call, { format }) => format.count(figuresOf(call).reasoning)),
  total: number(5.2, (call, { format }) => format.count(figuresOf(call).total)),
  cost: number(6.5, (call, { format }) => format.usd(figuresOf(call).costUsd)),
  latency: number(4.7, (call, { format, stoppedAt }) =>
    isOpen(call) ? <Running since={call.started_at} stoppedAt={stoppedAt} /> : format.ms(call.latency_ms),
  ),
  ttft: number(5.4, (call, { format }) => format.ms(call.exact.ttft_ms)),
  error: { width: 8.4, show: (call: Call) => orDash(call.exact.error_code) },
  userAgent: { width: 16, show: (call: Call) => orDash(call.user_agent) },
  address: { width: 9, show: (call: Call) => orDash(call.source_ip) },
  id: { width: 12, show: (call: Call) => <code>{call.id}</code> },
} satisfies Record<string, Omit<CallColumn, "name">>;

export type ColumnName = keyof typeof made;
export const COLUMN_NAMES = Object.keys(made) as ColumnName[];
export const AT_FIRST: readonly ColumnName[] = [
  "time",
  "outcome",
  "status",
  "tool",
  "client",
  "model",
  "input",
  "cacheRead",
  "output",
  "cost",
  "latency",
  "error",
];

/** The columns of these names; the time is always there, since it opens the call. */
export function columnsOf(names: readonly ColumnName[]): CallColumn[] {
  return COLUMN_NAMES.filter((name) => name === "time" || names.includes(name)).map((name) => ({
    name,
    ...made[name],
  }));
}

function number(width: number, show: (call: Call, pen: Pen) => ReactNode) {
  return { width, isNumber: true, show };
}
