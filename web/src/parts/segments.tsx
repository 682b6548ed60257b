/** One of a few, all of them in sight. */
export function Segments<Name extends string>({
  label,
  names,
  picked,
  sayOf,
  pick,
}: {
  label: string;
  names: readonly Name[];
  picked: Name;
  sayOf: (name: Name) => string;
  pick: (name: Name) => void;
}) {
  return (
    <div className="segments" role="group" aria-label={label}>
      {names.map((name) => (
        <button key={name} type="button" aria-pressed={name === picked} onClick={() => pick(name)}>
          {sayOf(name)}
        </button>
      ))}
    </div>
  );
}
