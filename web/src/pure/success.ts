/** How well calls go: all of them, nearly all, most, or too few. */

export type Success = "all" | "nearly" | "most" | "few";

/** Of so many calls so many were completed; `null` without any. */
export function successOf(completed: number, calls: number): Success | null {
  if (calls <= 0) return null;
  if (completed >= calls) return "all";
  const rate = completed / calls;
  return rate >= 0.9 ? "nearly" : rate >= 0.8 ? "most" : "few";
}

/** The rate to a tenth of a percent; what is shown as all of them is all of them. */
export function successRate(completed: number, calls: number): number | null {
  if (calls <= 0) return null;
  const rate = Math.round((completed / calls) * 1000) / 1000;
  return completed < calls ? Math.min(rate, ALMOST) : rate;
}

const ALMOST = 0.999;
