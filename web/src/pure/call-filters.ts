/**
 * Which calls a view shows: the filters in its URL, and the parameters of `/admin/logs` and `/admin/live`.
 *
 *   #/calls?tool=codex&client=laptop&status_min=400  ──►  { tool, client, … }  ──►  tool=…&client_id=…&status_min=…
 *
 * In the URL every filter has the name that reports have for it.  A status is one filter with two ends,
 * which people write as `429`, `4xx`, `400-499` or `>=400`.
 */

export const CALL_FILTERS = [
  "tool",
  "client",
  "model",
  "provider",
  "outcome",
  "status",
  "project",
  "key",
  "account",
  "session",
  "agent",
] as const;
export type CallFilterName = (typeof CALL_FILTERS)[number];
/** A status as `400-499`, with both ends; the others as the API has them. */
export type CallFilters = Readonly<Partial<Record<CallFilterName, string>>>;

type Search = Readonly<Record<string, string | undefined>>;

const LOWEST = "0";
const HIGHEST = "999";

export function callFiltersOf(search: Search): CallFilters {
  const found: Partial<Record<CallFilterName, string>> = {};
  for (const name of CALL_FILTERS) {
    const value = name === "status" ? statusIn(search) : search[name];
    if (value !== undefined && value.trim() !== "") found[name] = value;
  }
  return found;
}

/** What changes in the URL when a filter gets a value; `undefined` takes it away. */
export function changeOf(
  name: CallFilterName,
  value: string | undefined,
): Record<string, string | undefined> {
  if (name !== "status") return { [name]: value };
  const [min, max] = value?.split("-") ?? [];
  return {
    status_min: min === LOWEST ? undefined : min,
    status_max: max === HIGHEST ? undefined : max,
  };
}

/** What changes in the URL when all of them go. */
export function cleared(): Record<string, undefined> {
  return Object.fromEntries(
    CALL_FILTERS.flatMap((name) => Object.keys(changeOf(name, undefined))).map((one) => [one, undefined]),
  );
}

/** The parameters of a question for calls. */
export function queryOf({ client, status, ...rest }: CallFilters): Record<string, string> {
  const [min, max] = status?.split("-") ?? [];
  return {
    ...rest,
    ...(client === undefined ? {} : { client_id: client }),
    ...(min === undefined || min === LOWEST ? {} : { status_min: min }),
    ...(max === undefined || max === HIGHEST ? {} : { status_max: max }),
  };
}

/** The two ends of what somebody wrote about a status, as `400-499`; `null` if it says none. */
export function statusRange(text: string): string | null {
  const said = text.replaceAll(/\s/g, "").toLowerCase();
  const kind = /^([1-9])xx$/.exec(said)?.[1];
  if (kind !== undefined) return `${kind}00-${kind}99`;
  const least = /^(?:>=|≥)(\d{1,3})$/.exec(said)?.[1];
  if (least !== undefined) return `${least}-${HIGHEST}`;
  const most = /^(?:<=|≤)(\d{1,3})$/.exec(said)?.[1];
  if (most !== undefined) return `${LOWEST}-${most}`;
  const [, min, max] = /^(\d{1,3})(?:[-–](\d{1,3}))?$/.exec(said) ?? [];
  if (min === undefined) return null;
  return Number(min) <= Number(max ?? min) ? `${min}-${max ?? min}` : null;
}

/** A status range as people write it. */
export function statusSaid(range: string): string {
  const [min, max] = range.split("-");
  if (min === max) return min ?? "";
  if (max === HIGHEST) return `≥ ${min ?? ""}`;
  if (min === LOWEST) return `≤ ${max ?? ""}`;
  const kind = /^([1-9])00-\1(?:99)$/.exec(range)?.[1];
  return kind === undefined ? `${min ?? ""}–${max ?? ""}` : `${kind}xx`;
}

function statusIn(search: Search): string | undefined {
  const { status_min: min = "", status_max: max = "" } = search;
  return min === "" && max === "" ? undefined : `${min || LOWEST}-${max || HIGHEST}`;
}
