/** How a limit stands: amounts are numbers, or for cost exact decimal text. */

export interface Standing {
  readonly used: number | string;
  readonly held: number | string;
}

/** The part of an amount that is used or held; a limit of 0 is full as soon as there is one. */
export function fullness({ used, held }: Standing, amount: number | string): number {
  const all = Number(amount);
  return all > 0 ? (Number(used) + Number(held)) / all : 1;
}

export function toneOf(full: number): "good" | "warn" | "bad" {
  return full >= 1 ? "bad" : full >= 0.8 ? "warn" : "good";
}
