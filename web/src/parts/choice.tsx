import type { ReactNode } from "react";

/** One of several, with its name before it. */
export function Choice<Name extends string>({
  label,
  names,
  picked,
  sayOf,
  pick,
  isOff,
}: {
  label: ReactNode;
  names: readonly Name[];
  picked: Name;
  sayOf: (name: Name) => string;
  pick: (name: Name) => void;
  /** Which of them cannot be chosen now. */
  isOff?: (name: Name) => boolean;
}) {
  return (
    <label className="choice">
      <span className="muted">{label}</span>
      <select value={picked} onChange={(event) => pick(event.target.value as Name)}>
        {names.map((name) => (
          <option key={name} value={name} disabled={isOff?.(name)}>
            {sayOf(name)}
          </option>
        ))}
      </select>
    </label>
  );
}
