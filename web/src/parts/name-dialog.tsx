import { type FormEvent, useState } from "react";
import { useWords } from "@/app/preferences";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Field } from "./field";
import { said } from "./states";

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
export function NameDialog({ title, label, before = "", yes, isBusy, error, send, close }: Props) {
  const words = useWords();
  const [name, setName] = useState(before);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send(name.trim());
  };
  return (
    <Dialog title={title} close={close}>
      <form className="stack" onSubmit={submit}>
        <Field label={label}>
          <input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
        {error != null && (
          <p role="alert" className="bad">
            {said(error, words)}
          </p>
        )}
        <div className="row">
          <Button type="submit" kind="main" isBusy={isBusy}>
            {yes}
          </Button>
          <Button onClick={close}>{words.app.cancel}</Button>
        </div>
      </form>
    </Dialog>
  );
}
