import type { Tone } from "./badge";

interface Props {
  readonly label: string;
  /** 0 to 1; what is more fills it whole. */
  readonly ratio: number | null;
  readonly tone?: Tone;
}

/** How full something is; the figure stands beside it in words. */
export function Bar({ label, ratio, tone = "accent" }: Props) {
  const percent = ratio === null ? 0 : Math.min(Math.max(ratio, 0), 1) * 100;
  return (
    <div
      className={`bar ${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percent)}
    >
      <span style={{ width: `${percent}%` }} />
    </div>
  );
}
