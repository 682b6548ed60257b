/** Breakers, by what they hold calls back from. */

export interface Subject {
  readonly provider: string;
  /** The number of one of its credentials; `null`: the provider itself. */
  readonly credential: string | null;
}

const OF_CREDENTIAL = /^(.*)\/credential\/(\d+)$/;

/** What `providerId` names: `openai`, or `openai/credential/4`. */
export function subjectOf(providerId: string): Subject {
  const found = OF_CREDENTIAL.exec(providerId);
  return { provider: found?.[1] ?? providerId, credential: found?.[2] ?? null };
}

const WORST = ["open", "half-open", "closed"] as const;
export type BreakerState = (typeof WORST)[number];

/** How calls to a provider are doing: the state of its own breaker; `null` if it was not called lately. */
export function stateOf(
  provider: string,
  breakers: readonly { readonly providerId: string; readonly state: BreakerState }[],
): BreakerState | null {
  return breakers.find(({ providerId }) => providerId === provider)?.state ?? null;
}

/** The worst first. */
export function worstFirst<B extends { readonly state: BreakerState; readonly providerId: string }>(
  breakers: readonly B[],
): B[] {
  return breakers.toSorted(
    (a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state) || a.providerId.localeCompare(b.providerId),
  );
}
