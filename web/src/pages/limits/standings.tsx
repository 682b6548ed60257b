import type { Limit } from "@/api/all";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useFormat, useNow } from "@/app/view";
import { Bar } from "@/parts/bar";
import { fullness, toneOf } from "@/pure/standings";

const SHOWN = 3;
const OFTEN_MS = 10_000;

/** An amount, in the unit of what is counted. */
type Say = (amount: number | string, measure: Limit["measure"]) => string;

export function useAmount(): Say {
  const format = useFormat();
  return (amount, measure) =>
    measure === "cost" ? format.usdExact(Number(amount)) : format.count(Number(amount));
}

/** What nobody set to all its digits is rounded. */
function useUsed(): Say {
  const format = useFormat();
  return (amount, measure) => (measure === "cost" ? format.usd : format.count)(Number(amount));
}

/** The fullest of those that a limit counts alone; with `of` that one. */
export function Standings({ limit, of }: { limit: Limit; of?: string }) {
  const { limits: words } = useWords();
  const format = useFormat();
  const amountOf = useAmount();
  const usedOf = useUsed();
  const nameOf = useNames();
  const now = useNow(OFTEN_MS);
  const { measure, amount, scope } = limit;
  const standings = limit.standings.filter(({ subject }) => of === undefined || (subject ?? of) === of);
  if (standings.length === 0) return <span className="muted">{words.nothing}</span>;
  const subjectOf = (subject: string) =>
    scope.kind === "project" || scope.kind === "key" ? nameOf(scope.kind, subject) : subject;
  return (
    <ul className="standings">
      {standings.slice(0, SHOWN).map((one) => {
        const full = fullness(one, amount);
        const used = words.used(usedOf(one.used, measure), amountOf(amount, measure));
        const notes = [
          Number(one.held) > 0 && words.held(usedOf(one.held, measure)),
          one.exceeded > 0 && words.exceeded(format.count(one.exceeded)),
          one.frees_at !== null && words.frees(format.ago(one.frees_at, now)),
        ].filter((note) => note !== false);
        return (
          <li key={one.subject ?? ""}>
            <span>
              {one.subject !== null && of === undefined && <strong>{subjectOf(one.subject)}: </strong>}
              {used}
            </span>
            <Bar label={used} ratio={full} tone={toneOf(full)} />
            {notes.length > 0 && <small className="muted">{notes.join(" · ")}</small>}
          </li>
        );
      })}
      {standings.length > SHOWN && (
        <li className="muted">{words.more(format.count(standings.length - SHOWN))}</li>
      )}
    </ul>
  );
}
