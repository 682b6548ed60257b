/** How the cost of a call came about: each time it was priced, by which rate, and line by line. */

import { useAsked } from "@/api/hooks";
import type { CostAudit, CostStep } from "@/api/schema";
import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Answered } from "@/parts/states";
import { type CostLine, type Counts, type KeptRate, linesOf } from "@/pure/cost-lines";
import { UNKNOWN } from "@/pure/format";
import { type Whole } from "@/pure/whole-call";

const NANO = 1e9;
const MILLION = 1e6;

export function Cost({ whole }: { whole: Whole }) {
  const words = useWords();
  const format = useFormat();
  const { call, facts } = whole;
  const isEnded = call.cost_status !== "unresolved";
  const audits = useAsked("/admin/logs/{id}/cost-audit", { path: { id: call.id } }, { enabled: isEnded });
  return (
    <div className="stack">
      <p>
        <strong>{format.usdExact(facts.cost.usd)}</strong>{" "}
        <span className="muted">{words.calls.cost.states[call.cost_status]}</span>
      </p>
      {isEnded && (
        <Answered query={audits}>
          {({ audits: found, requestLogId }) =>
            requestLogId !== call.id || found.length === 0 ? (
              <p className="muted">{words.calls.cost.none}</p>
            ) : (
              found.toReversed().map((audit) => <Audit key={audit.id} audit={audit} whole={whole} />)
            )
          }
        </Answered>
      )}
    </div>
  );
}

function Audit({ audit, whole }: { audit: CostAudit; whole: Whole }) {
  const words = useWords();
  const format = useFormat();
  const names = words.calls.cost;
  const why = names.reasons[audit.reason] ?? audit.reason;
  const when = format.moment(audit.calcAt);
  return (
    <div className="stack">
      <p>{audit.baseCostUsd === null ? names.unpriced(when, why) : names.priced(when, why)}</p>
      {audit.steps.length > 0 ? (
        <>
          <p className="muted">{names.steps}</p>
          {audit.steps.map((step, n) => (
            <Step key={n} step={step} model={audit.model} />
          ))}
        </>
      ) : (
        audit.baseCostUsd !== null &&
        audit.prices !== null &&
        audit.reason !== "reported" && (
          <Lines
            counts={whole.counted}
            rate={audit.prices as unknown as KeptRate}
            costUsd={audit.baseCostUsd}
          />
        )
      )}
      <Source rate={audit.rate} match={audit.match} model={audit.model} trouble={audit.trouble} />
    </div>
  );
}

function Step({ step, model }: { step: CostStep; model: string | null }) {
  const words = useWords();
  const format = useFormat();
  const isFees = step.what === "fees";
  const counts: Counts = {
    input: step.inputTokens,
    output: step.outputTokens,
    cacheRead: step.cacheReadTokens,
    cacheWrite: step.cacheWriteTokens,
    cacheWrite1h: step.cacheWrite1hTokens,
    webSearches: step.webSearches,
    calls: isFees ? 1 : 0,
  };
  return (
    <div className="cost-step stack">
      <p>
        <strong>{isFees ? words.calls.cost.fees : (step.what ?? UNKNOWN)}</strong> {step.model ?? model}{" "}
        {format.usdExact(step.costUsd)}
      </p>
      <Lines counts={counts} rate={step.prices as unknown as KeptRate} costUsd={step.costUsd} />
      <Source rate={step.rate} match={step.match} model={null} trouble={null} />
    </div>
  );
}

interface SourceProps {
  readonly rate: string | null;
  readonly match: string | null;
  readonly model: string | null;
  readonly trouble: string | null;
}

/** Which rate it was and how it was found. */
function Source({ rate, match, model, trouble }: SourceProps) {
  const words = useWords();
  const names = words.calls.cost;
  if (rate === null && trouble === null) return null;
  // `genai-prices/0.2.3:openai/gpt-5`: the list, and its name for the model.
  const cut = rate?.indexOf(":") ?? -1;
  return (
    <dl className="facts">
      {rate !== null && (
        <>
          <dt>{names.list}</dt>
          <dd>{cut > 0 ? rate.slice(0, cut) : rate}</dd>
          {cut > 0 && (
            <>
              <dt>{names.source}</dt>
              <dd>{rate.slice(cut + 1)}</dd>
            </>
          )}
        </>
      )}
      {match !== null && (
        <>
          <dt>{names.match}</dt>
          <dd>
            {names.matches[match] ?? match}
            {model === null ? "" : ` (${model})`}
          </dd>
        </>
      )}
      {trouble !== null && (
        <>
          <dt>{names.trouble}</dt>
          <dd>{trouble}</dd>
        </>
      )}
    </dl>
  );
}

function Lines({ counts, rate, costUsd }: { counts: Counts; rate: KeptRate; costUsd: number }) {
  const words = useWords();
  const format = useFormat();
  const names = words.calls.cost;
  const found = linesOf(counts, rate, costUsd);
  if (found === null) return <p className="muted">{names.noLines}</p>;
  if (found.lines.length === 0) return null;
  return (
    <div className="table-frame">
      <table>
        <thead>
          <tr>
            <th scope="col">{names.kind}</th>
            <th scope="col" className="number">
              {names.quantity}
            </th>
            <th scope="col" className="number">
              {names.rate}
            </th>
            <th scope="col" className="number">
              {names.amount}
            </th>
          </tr>
        </thead>
        <tbody>
          {found.lines.map((line) => (
            <tr key={line.kind}>
              <td>{names.kinds[line.kind] ?? line.kind}</td>
              <td className="number">
                {line.kind === "audio_second" ? format.ms(line.count) : format.count(line.count)}
              </td>
              <td className="number">
                <Rate line={line} />
              </td>
              <td className="number">{format.usdExact(line.nanousd / NANO)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.tier !== null && (
        <p className="muted">
          {names.tier}: {found.tier}
        </p>
      )}
    </div>
  );
}

const HOUR_S = 3600;

/** As such prices are said: of tokens for a million, of searches and calls for a thousand, of audio for an hour. */
function Rate({ line: { kind, rate } }: { line: CostLine }) {
  const names = useWords().calls.cost;
  const format = useFormat();
  const usd = rate / NANO;
  if (kind === "audio_second") return names.perHour(format.usdExact((usd / MILLION) * HOUR_S));
  if (kind === "web_search" || kind === "call") return names.perThousand(format.usdExact(usd / 1000));
  return names.perMillion(format.usdExact(usd));
}
