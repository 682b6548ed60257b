/** What can be chosen, narrowed down by what somebody typed. */

export interface Option {
  readonly value: string;
  readonly text: string;
  /** What tells apart those of the same name. */
  readonly note?: string;
}

export interface Offered {
  readonly shown: readonly Option[];
  /** How many others match and are not shown. */
  readonly more: number;
}

/** Those that have the text in them, in any case; those that begin with it come first. */
export function offered(options: readonly Option[], text: string, most: number): Offered {
  const part = text.trim().toLowerCase();
  const found = options.filter(({ text: name, note = "" }) => `${name} ${note}`.toLowerCase().includes(part));
  const begins = ({ text: name }: Option) => part !== "" && name.toLowerCase().startsWith(part);
  const sorted = [...found.filter(begins), ...found.filter((one) => !begins(one))];
  return { shown: sorted.slice(0, most), more: Math.max(0, sorted.length - most) };
}

/** The one that is called exactly like that, if it is one. */
export function calledLike(options: readonly Option[], text: string): Option | undefined {
  const name = text.trim().toLowerCase();
  const found = options.filter((one) => one.text.toLowerCase() === name);
  return found.length === 1 ? found[0] : undefined;
}
