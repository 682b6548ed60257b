/** How long a call is under way by now; nothing else is drawn anew when it moves on. */

import { useFormat, useNow } from "@/app/view";

const STEP_MS = 500;

interface Props {
  readonly since: string;
  /** Where the clock stands still; `null`: it runs. */
  readonly stoppedAt?: number | null;
}

export function Running({ since, stoppedAt = null }: Props) {
  return stoppedAt === null ? <Clock since={since} /> : <At since={since} now={stoppedAt} />;
}

function Clock({ since }: { since: string }) {
  return <At since={since} now={useNow(STEP_MS)} />;
}

function At({ since, now }: { since: string; now: number }) {
  const format = useFormat();
  // Whoever looks may have a clock that is a little behind.
  return (
    <span className="running">
      {format.ms(Math.max(Math.round((now - Date.parse(since)) / 100) * 100, 0))}
    </span>
  );
}
