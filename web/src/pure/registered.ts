/** Projects and keys to choose from: by name, and where several have the same, by what tells them apart. */

import type { Option } from "./options";

const ID_SHOWN = 8;

export function projectOptions(
  projects: readonly { readonly id: string; readonly name: string }[],
): Option[] {
  return unlike(projects.map(({ id, name }) => ({ value: id, text: name, note: id.slice(0, ID_SHOWN) })));
}

export function keyOptions(
  keys: readonly { readonly id: number; readonly name: string; readonly prefix: string }[],
): Option[] {
  return unlike(keys.map(({ id, name, prefix }) => ({ value: String(id), text: name, note: `${prefix}…` })));
}

function unlike(options: readonly Required<Option>[]): Option[] {
  const count = new Map<string, number>();
  for (const { text } of options) count.set(text, (count.get(text) ?? 0) + 1);
  return options.map(({ value, text, note }) =>
    count.get(text) === 1 ? { value, text } : { value, text, note },
  );
}
