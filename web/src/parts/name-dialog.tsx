import { useState } from "react";
import { Field } from "./field";
import { FormDialog } from "./form-dialog";

interface Props {
  readonly title: string;
  readonly label: string;
  readonly before?: string;
  readonly yes: string;
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly send: (name: string) => void;
  readonly close: () => void;
}

/** Asks for one name. */
export function NameDialog({ label, before = "", send, ...form }: Props) {
  const [name, setName] = useState(before);
  return (
    <FormDialog {...form} send={() => send(name.trim())}>
      <Field label={label}>
        <input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
    </FormDialog>
  );
}
