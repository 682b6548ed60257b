/** How calls ended, what went wrong, and which web pages they came from. */

import { useFilters } from "@/app/filters";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Card } from "@/parts/page";
import { type Share, Shares } from "@/parts/shares";
import { Answered, Empty } from "@/parts/states";
import { successOf, successRate } from "@/pure/success";
import { SUCCESS_TONES } from "./key-figures";
import { useBy, useExchange } from "./questions";

const TONES: Readonly<Record<string, Share["tone"]>> = {
  completed: "good",
  aborted: "muted",
  interrupted: "warn",
  failed: "bad",
  refused: "bad",
};

export function Success() {
  const words = useWords();
  const format = useFormat();
  const nameOf = useNames(["outcome"]);
  const { filters, toggle } = useFilters();
  const ends = useBy("outcome");
  return (
    <Card title={words.overview.ended.title} span={4}>
      <Answered query={ends}>
        {({ lines }) => {
          const all = lines.reduce((sum, { calls }) => sum + calls, 0);
          const completed = lines.find(({ outcome }) => outcome === "completed")?.calls ?? 0;
          const success = successOf(completed, all);
          if (success === null) return <Empty title={words.overview.empty.title} />;
          return (
            <>
              <p className="row success">
                <span className="figure">{format.percent(successRate(completed, all))}</span>
                <Badge tone={SUCCESS_TONES[success]}>{words.overview.success[success]}</Badge>
              </p>
              <Shares
                label={words.overview.ended.label}
                of={words.overview.ended.outcome}
                counted={words.overview.kpis.calls}
                total={all}
                shares={lines.map(({ outcome, calls }) => ({
                  key: outcome ?? "",
                  name: nameOf("outcome", outcome ?? null),
                  count: calls,
                  tone: TONES[outcome ?? ""] ?? "muted",
                }))}
                onPick={(key) => toggle("outcome", key)}
                picked={filters.outcome}
              />
            </>
          );
        }}
      </Answered>
    </Card>
  );
}

export function ErrorTypes() {
  const words = useWords();
  const { answer, isKnown, streamed } = useExchange();
  const said = words.overview.errors;
  return (
    <Card title={said.title} span={4}>
      {!isKnown ? (
        <p className="muted">{said.hidden}</p>
      ) : (
        <Answered query={answer}>
          {({ requests }) => {
            const shares = together(
              streamed === "0" ? {} : requests.streamed.error_types,
              streamed === "1" ? {} : requests.non_streamed.error_types,
            ).map(([code, count]) => ({
              key: code,
              name: said.types[code as keyof typeof said.types] ?? code,
              count,
              tone: "bad" as const,
            }));
            if (shares.length === 0) return <p className="muted">{said.none}</p>;
            return (
              <Shares
                label={said.label}
                of={said.type}
                counted={words.overview.kpis.calls}
                total={sumOf(shares)}
                shares={shares}
              />
            );
          }}
        </Answered>
      )}
    </Card>
  );
}

export function Origins() {
  const words = useWords();
  const { answer, isKnown, streamed } = useExchange();
  const said = words.overview.origins;
  return (
    <Card title={said.title} span={4}>
      {!isKnown || streamed !== undefined ? (
        <p className="muted">{said.hidden}</p>
      ) : (
        <Answered query={answer}>
          {({ origin_distribution }) => {
            const shares = Object.entries(origin_distribution).map(([origin, count]) => ({
              key: origin,
              name: origin,
              count,
            }));
            if (shares.length === 0) return <p className="muted">{said.none}</p>;
            return (
              <Shares
                label={said.label}
                of={said.origin}
                counted={words.overview.kpis.calls}
                total={sumOf(shares)}
                shares={shares}
              />
            );
          }}
        </Answered>
      )}
    </Card>
  );
}

function sumOf(shares: readonly Share[]): number {
  return shares.reduce((sum, { count }) => sum + count, 0);
}

/** The counts of both, by name. */
function together(
  some: Readonly<Record<string, number>>,
  others: Readonly<Record<string, number>>,
): [string, number][] {
  const all = new Map(Object.entries(some));
  for (const [name, count] of Object.entries(others)) all.set(name, (all.get(name) ?? 0) + count);
  return [...all];
}
