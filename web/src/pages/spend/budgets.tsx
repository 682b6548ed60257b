/** Every limit on cost: what is used, held and left of it, and when it is used up at the present rate. */

import { Link } from "@tanstack/react-router";
import { useAsked } from "@/api/hooks";
import type { LimitShown, StandingShown } from "@/api/schema";
import { type NameOf, useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat, useNow } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Card } from "@/parts/page";
import { Answered, Empty } from "@/parts/states";
import { type Burn, burnOf } from "@/pure/burn";
import { type Format, ratio } from "@/pure/format";
import type { Words } from "@/words/words";

/** So many limits are looked at, and so many of their standings shown. */
const LIMITS_MAX = 1000;
const SHOWN_MAX = 50;
const NEARLY = 0.8;
const TICK_MS = 30_000;
const UNTOUCHED: Omit<StandingShown, "left"> = {
  subject: null,
  used: "0",
  held: "0",
  exceeded: 0,
  frees_at: null,
};

interface Budget {
  readonly limit: LimitShown;
  readonly standing: StandingShown;
  readonly amount: number;
  readonly used: number;
  readonly held: number;
  readonly left: number;
  readonly burn: Burn;
}

export function Budgets() {
  const words = useWords();
  const format = useFormat();
  const isAdmin = useIsAdmin();
  const now = useNow(TICK_MS);
  const limits = useAsked("/admin/limits", { query: { limit: LIMITS_MAX } });
  const said = words.spend.budgets;
  return (
    <Card title={said.title}>
      <Answered query={limits}>
        {({ limits: all, next }) => {
          const budgets = budgetsOf(all, now);
          if (budgets.length === 0)
            return (
              <Empty title={said.none}>
                <p>{said.make}</p>
                {isAdmin ? <Link to="/limits">{said.link}</Link> : <p>{said.ask}</p>}
              </Empty>
            );
          return (
            <>
              <BudgetTable budgets={budgets.slice(0, SHOWN_MAX)} />
              <p className="muted hint">
                {said.all}
                {budgets.length > SHOWN_MAX && ` ${said.more(format.count(budgets.length - SHOWN_MAX))}`}
                {next !== null && ` ${said.manyLimits(format.count(LIMITS_MAX))}`}
              </p>
            </>
          );
        }}
      </Answered>
    </Card>
  );
}

function BudgetTable({ budgets }: { budgets: readonly Budget[] }) {
  const words = useWords();
  const format = useFormat();
  const nameOf = useNames();
  const said = words.spend.budgets;
  const heads = [said.used, said.held, said.left, said.rate];
  return (
    <div className="table-frame" role="region" aria-label={said.label} tabIndex={0}>
      <table className="budgets">
        <thead>
          <tr>
            <th scope="col">{said.budget}</th>
            <th scope="col">{said.window}</th>
            {heads.map((name) => (
              <th key={name} scope="col" className="number">
                {name}
              </th>
            ))}
            <th scope="col">{said.until}</th>
          </tr>
        </thead>
        <tbody>
          {budgets.map(({ limit, standing, amount, used, held, left, burn }) => {
            const full = ratio(used + held, amount) ?? 1;
            const tone = full >= 1 ? "bad" : full >= NEARLY ? "warn" : "";
            const scope = scopeOf(limit, standing, words, nameOf);
            return (
              <tr key={`${limit.id} ${standing.subject ?? ""}`}>
                <th scope="row">
                  <div>{limit.name ?? scope}</div>
                  <div className="row about">
                    {limit.name !== null && <span className="muted">{scope}</span>}
                    <Badge tone={limit.action === "refuse" ? "plain" : "accent"}>
                      {said.actions[limit.action]}
                    </Badge>
                    {standing.exceeded > 0 && (
                      <Badge tone="bad">{said.exceeded(format.count(standing.exceeded))}</Badge>
                    )}
                  </div>
                </th>
                <td>
                  {limit.sliding
                    ? said.slidingWindow(said.windows[limit.window])
                    : said.windows[limit.window]}
                </td>
                <td className="number used">
                  {format.usd(used)} <span className="muted">{said.of(format.usd(amount))}</span>
                  <div className="bar" aria-hidden="true">
                    <span className={`held ${tone}`} style={{ width: `${Math.min(full, 1) * 100}%` }} />
                    <span
                      className={tone}
                      style={{ width: `${Math.min(ratio(used, amount) ?? 1, 1) * 100}%` }}
                    />
                  </div>
                </td>
                <td className="number">{format.usd(held)}</td>
                <td className={`number ${tone}`}>{format.usd(left)}</td>
                <td className="number">{format.usd(burn.rate)}</td>
                <td>
                  <Until burn={burn} limit={limit} standing={standing} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Until({ burn, limit, standing }: Pick<Budget, "burn" | "limit" | "standing">) {
  const words = useWords();
  const format = useFormat();
  const now = useNow(TICK_MS);
  const said = words.spend.budgets;
  switch (burn.state) {
    case "spent":
      return <strong className="bad">{said.spent}</strong>;
    case "ends":
      return (
        <>
          <strong className={limit.window === "total" ? "" : "warn"}>{format.ago(burn.at, now)}</strong>
          <div className="muted hint">{format.moment(burn.at)}</div>
        </>
      );
    case "lasts":
      if (limit.window === "total") return said.noUse;
      return standing.frees_at === null ? said.lasts : said.lastsOn(shortest(standing.frees_at, format));
    case "unknown":
      return <span className="muted">{limit.sliding ? said.sliding : said.early}</span>;
  }
}

/** A day that begins then, or the moment. */
function shortest(at: string, format: Pick<Format, "exactTime" | "day" | "moment">): string {
  return /^00:00:00\D000$/.test(format.exactTime(at)) ? format.day(at) : format.moment(at);
}

/** The fullest first; what was not counted yet is there as well. */
function budgetsOf(limits: readonly LimitShown[], now: number): Budget[] {
  return limits
    .filter(({ measure }) => measure === "cost")
    .flatMap((limit) => {
      const standings: readonly StandingShown[] =
        limit.standings.length > 0 ? limit.standings : [{ ...UNTOUCHED, left: limit.amount }];
      return standings.map((standing) => budgetOf(limit, standing, now));
    })
    .toSorted((a, b) => fullness(b) - fullness(a));
}

function budgetOf(limit: LimitShown, standing: StandingShown, now: number): Budget {
  const [used, held, left] = [standing.used, standing.held, standing.left].map(Number) as [
    number,
    number,
    number,
  ];
  const { window, zone, sliding } = limit;
  const madeAt = Date.parse(limit.created_at);
  const burn = burnOf({ window, zone, sliding, used, left, madeAt }, now);
  return { limit, standing, amount: Number(limit.amount), used, held, left, burn };
}

function fullness({ used, held, amount }: Budget): number {
  return ratio(used + held, amount) ?? 1;
}

/** Whose calls it is about, in words. */
function scopeOf({ scope }: LimitShown, { subject }: StandingShown, words: Words, nameOf: NameOf): string {
  const said = words.spend.budgets.scopes;
  switch (scope.kind) {
    case "global":
      return said.global;
    case "tool_client": {
      const name = [scope.tool, scope.client].filter((one) => one !== null).join(" / ");
      return said.tool_client(subject ?? (name === "" ? words.app.all : name));
    }
    default: {
      const id = subject ?? scope.id;
      return id === null ? said.each[scope.kind] : said[scope.kind](nameOf(scope.kind, id));
    }
  }
}
