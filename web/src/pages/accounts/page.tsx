/** Quotas of accounts at their providers, and what each account spent. */

import type { Answer } from "@/api/client";
import { useAsked } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useFormat, useNow } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Bar } from "@/parts/bar";
import { Copy } from "@/parts/copy";
import { Card, Grid, PageHead } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { Table } from "@/parts/table";
import { UNKNOWN } from "@/pure/format";
import { byAccount, isOver, toneOf } from "@/pure/quotas";
import "./accounts.css";

const BEHIND = "wellhead serve --upstream http://127.0.0.1:8317";
const NOBODY = "unknown";

type Snapshot = Answer<"/admin/quotas">["snapshots"][number];

export default function Page() {
  const words = useWords();
  const quotas = useAsked("/admin/quotas");
  return (
    <>
      <PageHead title={words.app.pages.accounts} about={words.accounts.about} />
      <Grid>
        <Answered query={quotas}>
          {({ snapshots }) =>
            snapshots.length === 0 ? (
              <HowTo />
            ) : (
              byAccount(snapshots).map(({ provider, account, quotas: some }) => (
                <Card
                  key={`${provider} ${account}`}
                  title={`${account ?? words.accounts.nobody} (${provider})`}
                  span={6}
                >
                  <ul className="quotas">
                    {some.map((quota) => (
                      <Quota key={quota.name} quota={quota} />
                    ))}
                  </ul>
                </Card>
              ))
            )
          }
        </Answered>
        <Spent />
      </Grid>
    </>
  );
}

function Quota({ quota }: { quota: Snapshot }) {
  const { accounts: words } = useWords();
  const format = useFormat();
  const now = useNow(10_000);
  // What was told before the window ended says nothing about the one that runs.
  const over = isOver(quota, now);
  const used = over ? null : quota.used_pct;
  const called = words.types[quota.quota_type as keyof typeof words.types] ?? quota.quota_type;
  const left =
    quota.left === null || quota.limit === null
      ? null
      : words.left(format.count(quota.left), format.count(quota.limit));
  const percent = quota.used_pct === null ? UNKNOWN : format.percent(quota.used_pct / 100);
  const said = over ? words.was(percent) : quota.used_pct === null ? UNKNOWN : words.used(percent);
  return (
    <li>
      <div className="row">
        <strong>{called}</strong>
        {quota.status !== null && !over && <Badge tone={toneOf(used)}>{quota.status}</Badge>}
        <span className={over ? "quota-said muted" : "quota-said"}>
          {[said, over ? null : left].filter((one) => one !== null).join(" · ")}
        </span>
      </div>
      <Bar label={`${called}: ${said}`} ratio={used === null ? null : used / 100} tone={toneOf(used)} />
      <small className="muted">
        {quota.resets_at !== null &&
          `${(over ? words.anew : words.resets)(format.ago(quota.resets_at, now))} · `}
        <time title={format.moment(quota.timestamp)}>{words.told(format.ago(quota.timestamp, now))}</time>
      </small>
    </li>
  );
}

function HowTo() {
  const { accounts: words } = useWords();
  return (
    <Empty title={words.none}>
      {words.noneHow.map((one) => (
        <p key={one}>{one}</p>
      ))}
      <p>{words.upstream}:</p>
      <div className="snippet row">
        <code>{BEHIND}</code>
        <Copy text={BEHIND} />
      </div>
    </Empty>
  );
}

function Spent() {
  const words = useWords();
  const format = useFormat();
  const summary = useAsked("/admin/usage/accounts/summary");
  return (
    <Card title={words.accounts.spend}>
      <Answered query={summary}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title={words.accounts.noSpend}>
              <p>{words.accounts.noSpendHow}</p>
            </Empty>
          ) : (
            <Table
              label={words.accounts.spend}
              rows={rows}
              keyOf={(row) => `${row.provider} ${row.cliproxy_account}`}
              sorted={4}
              columns={[
                {
                  name: words.accounts.account,
                  show: (row) =>
                    row.cliproxy_account === NOBODY ? words.accounts.nobody : row.cliproxy_account,
                  by: (row) => row.cliproxy_account,
                },
                { name: words.accounts.provider, show: (row) => row.provider, by: (row) => row.provider },
                {
                  name: words.accounts.calls,
                  isNumber: true,
                  show: (row) => format.count(row.request_count),
                  by: (row) => row.request_count,
                },
                {
                  name: words.accounts.tokens,
                  isNumber: true,
                  show: (row) => format.count(row.total_tokens),
                  by: (row) => row.total_tokens,
                },
                {
                  name: words.accounts.cost,
                  isNumber: true,
                  show: (row) => format.usd(row.cost_usd),
                  by: (row) => row.cost_usd,
                },
              ]}
            />
          )
        }
      </Answered>
    </Card>
  );
}
