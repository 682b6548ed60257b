/** How well calls go: all of them, nearly all, most, or too few. */

export type Success = "all" | "nearly" | "most" | "few";

/** Of so many calls so many were completed; `null` without any. */
export function successOf(completed: number, calls: number): Success | null {
  if (calls <= 0) return null;
  if (completed >= calls) return "all";
  const rate = completed / calls;
  return rate >= 0.9 ? "nearly" : rate >= 0.8 ? "most" : "few";
}

/** The rate, rounded down: what is shown as all of them is all of them. */
export function successRate(completed: number, calls: number): number | null {
  return calls <= 0 ? null : Math.floor((completed / calls) * 1000) / 1000;
}
