/**
 * What is in the URL of a view, so that it can be shared: the range of time, its zone, and a page's own filters.
 *
 *   #/calls?range=1w&tz=local&tool=codex&status_min=400
 *
 * Texts as they are, without quotes; what is the default is left out.
 */

import { PRESETS, type RangeName } from "@/pure/range";

export type Search = Readonly<Record<string, string | undefined>>;

/** Of every page; the others belong to the page that has them. */
export const SHARED = ["range", "from", "to", "tz"] as const;
export const DEFAULT_RANGE: RangeName = "1d";

export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const said = Object.entries(search).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

export function rangeName(search: Search): RangeName {
  const said = search.range;
  if (said === "custom") return "custom";
  return PRESETS.find((preset) => preset === said) ?? DEFAULT_RANGE;
}
