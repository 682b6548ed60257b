import { useState } from "react";
import { useAsked } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Button } from "@/parts/button";
import { Card } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { Table } from "@/parts/table";
import { changesOf } from "@/pure/audited";
import { UNKNOWN } from "@/pure/format";

const FIRST = 25;
const MOST = 1000;

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
            <Empty title={saying.noAudit}>
              <p>{saying.noAuditHow}</p>
            </Empty>
          ) : (
            <div className="stack">
              <Table
                label={saying.audit}
                rows={entries}
                keyOf={({ id }) => id}
                columns={[
                  { name: saying.at, show: ({ at }) => <span className="nowrap">{format.moment(at)}</span> },
                  { name: saying.actor, show: ({ actor }) => actor },
                  { name: saying.address, show: ({ address }) => address ?? UNKNOWN },
                  { name: saying.action, show: ({ action }) => <code>{action}</code> },
                  {
                    name: saying.object,
                    show: ({ object_kind, object_id }) => (
                      <span className="brief" title={object_id ?? ""}>
                        {object_kind} {object_id}
                      </span>
                    ),
                  },
                  {
                    name: saying.change,
                    show: (entry) => (
                      <span className="change">
                        {changesOf(entry, format).map(({ name, was, is }) => (
                          <span key={name}>
                            <span className="muted">{name}:</span> {was !== null && `${was} → `}
                            {is}
                          </span>
                        ))}
                      </span>
                    ),
                  },
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
