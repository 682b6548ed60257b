import { useQuery } from "@tanstack/react-query";
import { ApiError, addressOf } from "@/api/client";
import type { Check, LoopHealth, Ready } from "@/api/schema";
import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Badge, type Tone } from "@/parts/badge";
import { Card } from "@/parts/page";
import { Answered } from "@/parts/states";
import { Table } from "@/parts/table";
import type { Format } from "@/pure/format";
import type { Words } from "@/words/words";

const OFTEN_MS = 5_000;
const TONES: Readonly<Record<Ready["status"], Tone>> = { pass: "good", warn: "warn", fail: "bad" };

/** What `/ready` says: one that is not ready is an answer, too, though its status is 503. */
function useReady() {
  return useQuery<Ready, ApiError>({
    queryKey: ["/ready"],
    refetchInterval: OFTEN_MS,
    queryFn: async ({ signal }) => {
      const response = await fetch(addressOf("/ready"), { signal }).catch(() => null);
      const said = (await response?.json().catch(() => null)) as Ready | null;
      if (said?.checks === undefined) throw new ApiError(0, "UNREACHABLE", "", null, null);
      return said;
    },
  });
}

export function Readiness() {
  const words = useWords();
  const saying = words.system;
  const format = useFormat();
  const ready = useReady();
  return (
    <Card title={saying.ready}>
      <Answered query={ready}>
        {({ checks }) => (
          <div className="stack">
            <Table
              label={saying.ready}
              rows={Object.entries(checks)}
              keyOf={([name]) => name}
              columns={[
                {
                  name: saying.check,
                  show: ([name]) => (
                    <strong>{saying.checks[name as keyof typeof saying.checks] ?? name}</strong>
                  ),
                },
                {
                  name: saying.state,
                  show: ([, { status }]) => <Badge tone={TONES[status]}>{saying.standings[status]}</Badge>,
                },
                { name: saying.notes, show: ([, check]) => notesOf(check, saying, format) },
              ]}
            />
            <Loops loops={checks.supervisor?.loopHealth ?? []} />
          </div>
        )}
      </Answered>
    </Card>
  );
}

function notesOf(check: Check, words: Words["system"], format: Format): string {
  const notes = [
    check.output,
    check.responseTime == null ? null : words.answered(format.ms(check.responseTime)),
    check.ageMs == null ? null : words.confirmed(format.ms(check.ageMs)),
    check.entries == null ? null : `${words.entries}: ${format.count(check.entries)}`,
  ];
  return notes.filter((note) => note != null).join(" · ");
}

function Loops({ loops }: { loops: readonly LoopHealth[] }) {
  const { system: words } = useWords();
  const format = useFormat();
  if (loops.length === 0) return null;
  return (
    <>
      <h3>{words.loops}</h3>
      <Table
        label={words.loops}
        rows={loops}
        keyOf={({ name }) => name}
        columns={[
          { name: words.loop, show: ({ name }) => <code>{name}</code> },
          {
            name: words.state,
            show: ({ status }) => <Badge tone={TONES[status]}>{words.standings[status]}</Badge>,
          },
          {
            name: words.failures,
            isNumber: true,
            show: ({ consecutiveFailures }) => format.count(consecutiveFailures),
          },
          {
            name: words.lastSuccess,
            show: ({ lastSuccessAgeMs }) =>
              lastSuccessAgeMs == null ? format.ms(null) : words.ago(format.ms(lastSuccessAgeMs)),
          },
          {
            name: words.next,
            show: ({ nextRunInMs }) =>
              nextRunInMs == null ? format.ms(null) : words.in(format.ms(nextRunInMs)),
          },
          { name: words.notes, show: ({ lastError }) => lastError ?? "" },
        ]}
      />
    </>
  );
}
