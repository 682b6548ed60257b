import { useState } from "react";
import type { Key } from "@/api/all";
import { patch, type Sent } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Field } from "@/parts/field";
import { FormDialog } from "@/parts/form-dialog";
import { HOUR_MS } from "@/pure/range";
import { RestrictionFields, useRestrictions } from "./restrictions";

const LIVES = ["as it is", "never", "24", "168", "720", "2160", "8760"] as const;
type Changed = Sent<"/admin/keys/{id}", "patch">;

/** Another name, another end, other rights; the key itself stays. */
export function ChangeKey({ of, close }: { of: Key; close: () => void }) {
  const words = useWords();
  const saying = words.keys.form;
  const format = useFormat();
  const [name, setName] = useState(of.name);
  const [life, setLife] = useState<(typeof LIVES)[number]>("as it is");
  const restrictions = useRestrictions(of);
  const change = useChange(
    (body: Changed) => patch("/admin/keys/{id}", { path: { id: of.id }, body }),
    ["/admin/keys"],
  );
  const send = () => {
    change.mutate(
      {
        name: name.trim(),
        ...(life === "as it is" ? {} : { expires_at: endOf(life) }),
        ...restrictions.sent,
      },
      { onSuccess: close },
    );
  };
  const kept = of.expires_at === null ? words.keys.never : format.moment(of.expires_at);
  return (
    <FormDialog
      title={`${words.keys.change}: ${of.name}`}
      yes={words.app.save}
      isBusy={change.isPending}
      error={change.error}
      send={send}
      close={close}
    >
      <Field label={saying.name}>
        <input
          required
          autoFocus
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </Field>
      <Field label={saying.expires}>
        <select value={life} onChange={(event) => setLife(event.target.value as typeof life)}>
          {LIVES.map((one) => (
            <option key={one} value={one}>
              {one === "as it is" ? saying.asItIs(kept) : saying.in[one]}
            </option>
          ))}
        </select>
      </Field>
      <RestrictionFields {...restrictions} />
    </FormDialog>
  );
}

function endOf(life: Exclude<(typeof LIVES)[number], "as it is">): string | null {
  return life === "never" ? null : new Date(Date.now() + Number(life) * HOUR_MS).toISOString();
}
