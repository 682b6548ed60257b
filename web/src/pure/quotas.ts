/** Quotas of accounts, put together by whose they are. */

export interface Quota {
  readonly provider: string;
  readonly account: string | null;
  readonly name: string;
  readonly used_pct: number | null;
  readonly resets_at: string | null;
  readonly timestamp: string;
}

export interface Account<Q extends Quota> {
  readonly provider: string;
  readonly account: string | null;
  /** The fullest first. */
  readonly quotas: readonly Q[];
}

/** Of each account its quotas; the account with the fullest quota comes first. */
export function byAccount<Q extends Quota>(quotas: readonly Q[]): Account<Q>[] {
  const found = new Map<string, Q[]>();
  for (const quota of quotas) {
    const whose = JSON.stringify([quota.provider, quota.account]);
    found.set(whose, [...(found.get(whose) ?? []), quota]);
  }
  return [...found]
    .map(([whose, some]) => {
      const [provider, account] = JSON.parse(whose) as [string, string | null];
      return { provider, account, quotas: some.toSorted(fullestFirst) };
    })
    .sort((a, b) => fullness(b.quotas[0]) - fullness(a.quotas[0]));
}

/** How a quota stands: from 80 % on it is worth a look, at 100 % calls are refused. */
export function toneOf(usedPct: number | null): "plain" | "good" | "warn" | "bad" {
  if (usedPct === null) return "plain";
  if (usedPct >= 100) return "bad";
  return usedPct >= 80 ? "warn" : "good";
}

/** A quota whose window is over by now: what was told of it says nothing any more. */
export function isOver(quota: Quota, now: number): boolean {
  return quota.resets_at !== null && Date.parse(quota.resets_at) <= now;
}

function fullness(quota: Quota | undefined): number {
  return quota?.used_pct ?? -1;
}

function fullestFirst(a: Quota, b: Quota): number {
  return fullness(b) - fullness(a) || a.name.localeCompare(b.name);
}
