/** What a call went through before it had an answer, or came to nothing. */

import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { type Column, Table } from "@/parts/table";
import { UNKNOWN } from "@/pure/format";
import type { Whole } from "@/pure/whole-call";

export function Attempts({ whole: { call, facts } }: { whole: Whole }) {
  const words = useWords();
  const format = useFormat();
  const names = words.calls.attempts;
  const { attempts } = call;
  if (attempts.length === 0) {
    return <p>{facts.sent === 0 ? names.none : facts.state === "completed" ? names.one : UNKNOWN}</p>;
  }
  const columns: Column<(typeof attempts)[number]>[] = [
    { name: names.number, show: (one) => one.number, isNumber: true },
    { name: names.provider, show: (one) => one.provider },
    {
      name: names.credential,
      show: (one) => (one.credential_id === null ? names.own : `#${one.credential_id}`),
    },
    { name: names.status, show: (one) => one.status ?? UNKNOWN, isNumber: true },
    {
      name: names.error,
      show: (one) => (
        <>
          {one.error_code ?? UNKNOWN}
          {one.unmetered && <small className="muted"> ({names.unmetered})</small>}
        </>
      ),
    },
    { name: names.headers, show: (one) => format.ms(one.latency_ms), isNumber: true },
    { name: names.began, show: (one) => format.time(one.started_at) },
  ];
  return (
    <Table
      label={words.calls.drawer.attempts}
      columns={columns}
      rows={attempts}
      keyOf={({ number }) => number}
    />
  );
}
