import type { ReactNode } from "react";
import { useFormat } from "@/app/view";
import { isKnown, type Known } from "@/pure/format";

interface Props {
  readonly name: string;
  readonly value: string;
  readonly note?: ReactNode;
  /** Against the period before; 0.25 is a quarter more. */
  readonly change?: Known;
  /** Whether more is better (`up`), worse (`down`), or neither. */
  readonly good?: "up" | "down" | "neither";
  /** What the change is against, for those who wonder. */
  readonly against?: string;
}

/** One figure, with its change. */
export function Kpi({ name, value, note, change, good = "neither", against }: Props) {
  const format = useFormat();
  const isBetter =
    isKnown(change) && good !== "neither" && change !== 0 ? change > 0 === (good === "up") : null;
  return (
    <div className="card kpi">
      <dt>{name}</dt>
      <dd>
        <div className="value">{value}</div>
        <div className="note">
          {change !== undefined && (
            <span className={isBetter === null ? "" : isBetter ? "good" : "bad"} title={against}>
              {format.change(change)}
            </span>
          )}
          {note}
        </div>
      </dd>
    </div>
  );
}

export function Kpis({ children }: { children: ReactNode }) {
  return <dl className="kpis">{children}</dl>;
}
