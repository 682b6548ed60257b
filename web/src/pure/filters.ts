/**
 * Filters of a view: only calls with exactly this.
 *
 *   #/?tool=codex&streamed=1  ──►  { tool: "codex", streamed: "1" }  ──►  parameters of a report, or of an export
 *
 * `unknown` asks for the calls of which nobody said it, as the API does.
 */

export const DIMENSIONS = [
  "provider",
  "model",
  "tool",
  "client",
  "project",
  "key",
  "account",
  "outcome",
  "streamed",
] as const;
export type Dimension = (typeof DIMENSIONS)[number];
export type Filters = Readonly<Partial<Record<Dimension, string>>>;

export const UNSAID = "unknown";
/** Percentiles are known by these, and by no others. */
const WITH_PERCENTILES: readonly Dimension[] = ["provider", "model"];

export function filtersOf(search: Readonly<Record<string, string | undefined>>): Filters {
  const found: Partial<Record<Dimension, string>> = {};
  for (const dimension of DIMENSIONS) {
    const value = search[dimension];
    if (value !== undefined && value.trim() !== "") found[dimension] = value;
  }
  return found;
}

/** One of the dimensions, or what it is without one. */
export function dimensionOf<D>(said: string | undefined, otherwise: D): Dimension | D {
  return DIMENSIONS.find((one) => one === said) ?? otherwise;
}

/** What stands in the URL for a key of a report. */
export function valueOf(key: string | null): string {
  return key ?? UNSAID;
}

/** The key of a report that a filter asks for. */
export function keyAskedBy(value: string | undefined): string | null | undefined {
  return value === UNSAID ? null : value;
}

export function isFiltered(filters: Filters): boolean {
  return Object.keys(filters).length > 0;
}

/** Whether percentiles are known of the calls that are left. */
export function hasPercentiles(filters: Filters): boolean {
  return (Object.keys(filters) as Dimension[]).every((one) => WITH_PERCENTILES.includes(one));
}

/** The parameters of an export of the same calls; `null` where it has no parameter for a filter. */
export function exportFilters({ client, streamed, ...rest }: Filters): Record<string, string> | null {
  if (streamed !== undefined) return null;
  return { ...rest, ...(client === undefined ? {} : { client_id: client }) };
}
