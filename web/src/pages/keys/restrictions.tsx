/** What a key may use: four lists of names and patterns, all of them optional. */

import { useState } from "react";
import { useWords } from "@/app/preferences";
import { Field } from "@/parts/field";
import { listOf, textOf } from "@/pure/keys";

export const LISTS = [
  "allowed_models",
  "allowed_providers",
  "allowed_endpoints",
  "allowed_accounts",
] as const;
export type Restrictions = Readonly<Record<(typeof LISTS)[number], string[] | null>>;

const NONE: Restrictions = {
  allowed_models: null,
  allowed_providers: null,
  allowed_endpoints: null,
  allowed_accounts: null,
};

/** The lists as they are typed, and what they come to. */
export function useRestrictions(before: Restrictions = NONE) {
  const [texts, setTexts] = useState(
    () =>
      Object.fromEntries(LISTS.map((one) => [one, textOf(before[one])])) as Record<
        keyof Restrictions,
        string
      >,
  );
  const sent = Object.fromEntries(LISTS.map((one) => [one, listOf(texts[one])])) as unknown as Restrictions;
  return {
    texts,
    set: (name: keyof Restrictions, text: string) => setTexts({ ...texts, [name]: text }),
    sent,
  };
}

export function RestrictionFields({ texts, set }: Omit<ReturnType<typeof useRestrictions>, "sent">) {
  const saying = useWords().keys.form;
  return (
    <details open={LISTS.some((one) => texts[one] !== "") || undefined}>
      <summary>{saying.restrictions}</summary>
      <div className="stack">
        <p className="muted">{saying.globs}</p>
        {LISTS.map((one) => (
          <Field key={one} label={saying[one]}>
            <input
              value={texts[one]}
              placeholder={saying.such[one]}
              onChange={(event) => set(one, event.target.value)}
            />
          </Field>
        ))}
      </div>
    </details>
  );
}
