/** What a model costs, and how current that is. */

import { type FormEvent, useState } from "react";
import type { Answer } from "@/api/client";
import { useAsked } from "@/api/hooks";
import { useReport } from "@/api/report";
import { useWords } from "@/app/preferences";
import { useFormat, useNow, useUrl } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Copy } from "@/parts/copy";
import { Field } from "@/parts/field";
import { Card, Grid, PageHead } from "@/parts/page";
import { Pick } from "@/parts/pick";
import { Answered, Empty } from "@/parts/states";
import { Table } from "@/parts/table";
import { ratio, UNKNOWN } from "@/pure/format";
import type { Option } from "@/pure/options";
import { DAY_MS, HOUR_MS } from "@/pure/range";

type Pricing = Answer<"/admin/pricing">;
type Match = NonNullable<Pricing["match"]>;
type PerMillion = Match["pricing"];

const KINDS = ["input", "output", "cache_read", "cache_write", "reasoning"] as const;
const USED_DAYS = 30;
const NAMES_MAX = 1000;

export default function Page() {
  const words = useWords();
  return (
    <>
      <PageHead title={words.app.pages.prices} about={words.prices.about} />
      <Grid>
        <LookUp />
        <Lists />
        <Used />
      </Grid>
    </>
  );
}

function LookUp() {
  const { prices: words } = useWords();
  const [search, change] = useUrl();
  const { model, provider } = search;
  const [named, setNamed] = useState({ model: model ?? "", provider: provider ?? "" });
  const [shown, setShown] = useState({ model, provider });
  if (shown.model !== model || shown.provider !== provider) {
    // Somebody went to another address: a row below was picked, or the way back.
    setShown({ model, provider });
    setNamed({ model: model ?? "", provider: provider ?? "" });
  }
  const names = (dimension: "model" | "provider") => ({ query: { dimension, limit: NAMES_MAX } });
  const models = useAsked("/admin/usage/names", names("model"), { refetchInterval: false });
  const providers = useAsked("/admin/usage/names", names("provider"), { refetchInterval: false });
  const look = (event: FormEvent) => {
    event.preventDefault();
    change({ model: named.model.trim() || undefined, provider: named.provider.trim() || undefined });
  };
  return (
    <Card title={words.look} span={8}>
      <div className="stack">
        <form className="look-up" onSubmit={look}>
          <Field label={words.model}>
            <Pick
              required
              isFree
              options={optionsOf(models)}
              value={named.model}
              pick={(one) => setNamed({ ...named, model: one })}
            />
          </Field>
          <Field label={words.provider} hint={words.hint}>
            <Pick
              isFree
              options={optionsOf(providers)}
              value={named.provider}
              pick={(one) => setNamed({ ...named, provider: one })}
            />
          </Field>
          <Button type="submit" kind="main">
            {words.look}
          </Button>
        </form>
        {model !== undefined && <Found model={model} provider={provider} />}
      </div>
    </Card>
  );
}

function optionsOf({ data }: { data: Answer<"/admin/usage/names"> | undefined }): Option[] {
  return (data?.names ?? []).map(({ value }) => ({ value, text: value }));
}

function Found({ model, provider }: { model: string; provider: string | undefined }) {
  const { prices: words } = useWords();
  const pricing = useAsked("/admin/pricing", { query: { model, provider } });
  const own = `prices:\n  - model: ${JSON.stringify(model)}\n    input: "3.00"      # ${words.perMillion}\n    output: "15.00"\n`;
  return (
    <Answered query={pricing}>
      {({ match }) =>
        match === null ? (
          <Empty title={words.noPrice(model)}>
            <p>{words.noPriceHow}</p>
            <div className="snippet">
              <pre>{own}</pre>
              <Copy text={own} />
            </div>
          </Empty>
        ) : (
          <>
            <Rates match={match} />
            <Provenance match={match} />
          </>
        )
      }
    </Answered>
  );
}

function Rates({ match }: { match: Match }) {
  const { prices: words } = useWords();
  const format = useFormat();
  const rows: { name: string; pricing: PerMillion }[] = [
    { name: words.usual, pricing: match.pricing },
    ...match.context.map(({ above, pricing }) => ({ name: words.above(format.count(above)), pricing })),
  ];
  return (
    <Table
      label={words.perMillion}
      rows={rows}
      keyOf={({ name }) => name}
      columns={[
        { name: words.perMillion, show: ({ name }) => name },
        ...KINDS.map((kind) => ({
          name: words.kinds[kind],
          isNumber: true,
          show: ({ pricing }: { pricing: PerMillion }) =>
            pricing[kind] === null ? (
              <span className="muted">{words.likeTheRest}</span>
            ) : (
              format.usdExact(pricing[kind])
            ),
        })),
      ]}
    />
  );
}

function Provenance({ match }: { match: Match }) {
  const { prices: words } = useWords();
  const format = useFormat();
  return (
    <dl className="facts">
      <dt>{words.found}</dt>
      <dd>
        <Badge tone={match.how === "fuzzy" ? "warn" : match.how === "override" ? "accent" : "good"}>
          {words.how[match.how]}
        </Badge>
      </dd>
      <dt>{words.key}</dt>
      <dd className="mono">{match.key}</dd>
      <dt>{words.list}</dt>
      <dd className="mono">{match.price_list}</dd>
      <dt>{words.rate}</dt>
      <dd className="mono">{match.rate}</dd>
      <dt>{words.since}</dt>
      <dd>
        {match.since === null ? words.always : format.moment(match.since)}, {words.until}{" "}
        {match.until === null ? words.still : format.moment(match.until)}
      </dd>
      <dt>{words.tiers}</dt>
      <dd>{match.tiers.length === 0 ? UNKNOWN : match.tiers.join(", ")}</dd>
    </dl>
  );
}

function Lists() {
  const { prices: words } = useWords();
  const format = useFormat();
  const now = useNow(10_000);
  const pricing = useAsked("/admin/pricing");
  return (
    <Card title={words.lists} span={4}>
      <Answered query={pricing}>
        {({ loaded, refresh }) => (
          <div className="stack">
            {refresh.refused !== null && (
              <div role="alert" className="state failure">
                <p className="state-title">{words.refused}</p>
                <p className="muted">{format.moment(refresh.refused.at)}</p>
                <ul>
                  {refresh.refused.reasons.map((reason) => (
                    <li key={reason}>{reason}</li>
                  ))}
                </ul>
              </div>
            )}
            <dl className="facts">
              <dt>{words.loaded}</dt>
              <dd>{format.count(loaded)}</dd>
              <dt>{words.source}</dt>
              <dd>{refresh.source ?? words.shipped}</dd>
              <dt>{words.checked}</dt>
              <dd>
                {refresh.checked === null ? (
                  words.never
                ) : (
                  <>
                    <time title={format.moment(refresh.checked)}>{format.ago(refresh.checked, now)}</time>{" "}
                    <Badge tone={refresh.stale ? "warn" : "good"}>
                      {refresh.stale ? words.stale : words.current}
                    </Badge>
                  </>
                )}
              </dd>
              <dt>{words.every}</dt>
              <dd>{refresh.interval_s === 0 ? words.never : format.ms(refresh.interval_s * 1000)}</dd>
            </dl>
          </div>
        )}
      </Answered>
    </Card>
  );
}

function Used() {
  const words = useWords();
  const format = useFormat();
  const [search, change] = useUrl();
  const now = useNow(HOUR_MS);
  const until = Math.ceil(now / HOUR_MS) * HOUR_MS;
  const report = useReport({
    range: { from: until - USED_DAYS * DAY_MS, to: until },
    zone: "UTC",
    filters: {},
    by: ["provider", "model"],
  });
  const picked = (row: { provider?: string | null; model?: string | null }) =>
    row.model === search.model && row.provider === search.provider;
  return (
    <Card title={words.prices.used}>
      <Answered query={report}>
        {({ lines }) =>
          lines.length === 0 ? (
            <Empty title={words.prices.none}>
              <p>{words.prices.noneHow}</p>
            </Empty>
          ) : (
            <Table
              label={words.prices.used}
              rows={lines}
              keyOf={(line) => `${line.provider} ${line.model}`}
              sorted={2}
              columns={[
                {
                  name: words.app.dimensions.model,
                  by: (line) => line.model,
                  show: (line) =>
                    line.model ? (
                      <button
                        type="button"
                        className="link"
                        aria-pressed={picked(line)}
                        onClick={() =>
                          change({ model: line.model ?? undefined, provider: line.provider ?? undefined })
                        }
                      >
                        {line.model}
                      </button>
                    ) : (
                      words.app.unknown
                    ),
                },
                {
                  name: words.app.dimensions.provider,
                  by: (line) => line.provider,
                  show: (line) => line.provider ?? words.app.unknown,
                },
                {
                  name: words.prices.calls,
                  isNumber: true,
                  by: (line) => line.calls,
                  show: (line) => format.count(line.calls),
                },
                {
                  name: words.prices.priced,
                  isNumber: true,
                  // Of those whose usage is known: a call that was refused has nothing to be priced.
                  by: (line) => ratio(line.priced_calls, line.metered_calls),
                  show: (line) => {
                    const unpriced = line.metered_calls - line.priced_calls;
                    if (unpriced > 0) return words.prices.unpriced(format.count(unpriced));
                    return line.priced_calls > 0 ? words.prices.whole : UNKNOWN;
                  },
                },
                {
                  name: words.prices.cost,
                  isNumber: true,
                  by: (line) => line.cost_usd,
                  show: (line) => format.usd(line.cost_usd),
                },
              ]}
            />
          )
        }
      </Answered>
    </Card>
  );
}
