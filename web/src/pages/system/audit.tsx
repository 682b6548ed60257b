import { useState } from "react";
import type { Answer } from "@/api/client";
import { useAsked } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Button } from "@/parts/button";
import { Card } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { Table } from "@/parts/table";
import { UNKNOWN } from "@/pure/format";

const FIRST = 25;
const MOST = 1000;

type Entry = Answer<"/admin/audit">["audit"][number];

/** Who changed what, the newest first. */
export function Audit() {
  const words = useWords();
  const saying = words.system;
  const format = useFormat();
  const [limit, setLimit] = useState(FIRST);
  const audit = useAsked("/admin/audit", { query: { limit } });
  return (
    <Card title={saying.audit}>
      <Answered query={audit}>
        {({ audit: entries, next }) =>
          entries.length === 0 ? (
            <Empty title={saying.noAudit} />
          ) : (
            <div className="stack">
              <Table
                label={saying.audit}
                rows={entries}
                keyOf={({ id }) => id}
                columns={[
                  { name: saying.at, show: ({ at }) => format.moment(at) },
                  { name: saying.actor, show: ({ actor }) => actor },
                  { name: saying.address, show: ({ address }) => address ?? UNKNOWN },
                  { name: saying.action, show: ({ action }) => <code>{action}</code> },
                  {
                    name: saying.object,
                    show: ({ object_kind, object_id }) => `${object_kind} ${object_id ?? ""}`,
                  },
                  { name: saying.change, show: (entry) => <code className="change">{changeOf(entry)}</code> },
                ]}
              />
              {next !== null && limit < MOST && (
                <div className="row">
                  <Button onClick={() => setLimit(Math.min(limit * 2, MOST))}>{words.app.more}</Button>
                </div>
              )}
            </div>
          )
        }
      </Answered>
    </Card>
  );
}

/** `amount: 200 → 500`; of what is new or gone all that it had. */
function changeOf({ before, after }: Entry): string {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names
    .map((name) => {
      const [was, is] = [before?.[name], after?.[name]].map((value) =>
        value === undefined ? null : JSON.stringify(value),
      );
      if (before !== null && after !== null) return `${name}: ${was ?? UNKNOWN} → ${is ?? UNKNOWN}`;
      return `${name}: ${is ?? was ?? UNKNOWN}`;
    })
    .join(", ");
}
