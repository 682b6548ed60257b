import { useAsked } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useFormat, useNow } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Card } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { Table } from "@/parts/table";

const OFTEN_MS = 10_000;

/** The program, its books, its processes, and what waits beside the books. */
export function Running() {
  const { system: words } = useWords();
  const format = useFormat();
  const now = useNow(OFTEN_MS);
  const system = useAsked("/admin/system", {}, { refetchInterval: OFTEN_MS });
  return (
    <>
      <Card title={words.program} span={4}>
        <Answered query={system}>
          {({ version, python, platform, started_at }) => (
            <dl className="facts">
              <dt>{words.version}</dt>
              <dd>{version}</dd>
              <dt>{words.python}</dt>
              <dd>{python}</dd>
              <dt>{words.platform}</dt>
              <dd>{platform}</dd>
              <dt>{words.started}</dt>
              <dd>
                <time title={format.moment(started_at)}>{format.ago(started_at, now)}</time>
              </dd>
            </dl>
          )}
        </Answered>
      </Card>
      <Card title={words.database} span={4}>
        <Answered query={system}>
          {({ database }) => (
            <dl className="facts">
              <dt>{words.path}</dt>
              <dd className="mono">{database.path}</dd>
              <dt>{words.calls}</dt>
              <dd>{format.count(database.calls)}</dd>
              <dt>{words.size}</dt>
              <dd>{format.bytes(database.bytes)}</dd>
              <dt>{words.free}</dt>
              <dd>{format.bytes(database.free_bytes)}</dd>
              <dt>{words.log}</dt>
              <dd>{format.bytes(database.log_bytes)}</dd>
              <dt>{words.migration}</dt>
              <dd>{database.migration ?? format.count(null)}</dd>
            </dl>
          )}
        </Answered>
      </Card>
      <Card title={words.spool} span={4}>
        <p className="muted hint">{words.spoolAbout}</p>
        <Answered query={system}>
          {({ spool }) => (
            <dl className="facts">
              <dt>{words.entries}</dt>
              <dd>{format.count(spool.entries)}</dd>
              <dt>{words.size}</dt>
              <dd>{format.bytes(spool.bytes)}</dd>
              <dt>{words.limit}</dt>
              <dd>{format.bytes(spool.bytes_max)}</dd>
              <dt>{words.oldest}</dt>
              <dd>{format.ago(spool.oldest_at, now)}</dd>
              <dt>{words.damaged}</dt>
              <dd>{format.count(spool.damaged)}</dd>
            </dl>
          )}
        </Answered>
      </Card>
      <Card title={words.workers}>
        <Answered query={system}>
          {({ workers }) =>
            workers.length === 0 ? (
              <Empty title={words.noWorkers} />
            ) : (
              <Table
                label={words.workers}
                rows={workers}
                keyOf={({ host, worker, pid }) => `${host} ${worker} ${pid}`}
                columns={[
                  {
                    name: words.worker,
                    show: ({ host, pid }) => (
                      <code>
                        {host}:{pid}
                      </code>
                    ),
                  },
                  {
                    name: words.state,
                    show: ({ up }) => <Badge tone={up ? "good" : "bad"}>{up ? words.up : words.gone}</Badge>,
                  },
                  { name: words.open, isNumber: true, show: ({ calls_open }) => format.count(calls_open) },
                  { name: words.queued, isNumber: true, show: ({ queued }) => format.count(queued) },
                  { name: words.commit, isNumber: true, show: ({ commit_ms }) => format.ms(commit_ms) },
                  {
                    name: words.lost,
                    isNumber: true,
                    show: ({ settlements_lost }) => format.count(settlements_lost),
                  },
                  { name: words.heartbeat, show: ({ heartbeat_at }) => format.ago(heartbeat_at, now) },
                ]}
              />
            )
          }
        </Answered>
      </Card>
    </>
  );
}
