import type { FormEvent, ReactNode } from "react";
import { useWords } from "@/app/preferences";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { said } from "./states";

interface Props {
  readonly title: string;
  /** What is done, as the button says it. */
  readonly yes: string;
  readonly isBusy: boolean;
  /** `false`: it is not sent, and a field says why. */
  readonly isGood?: boolean;
  /** Why it could not be done. */
  readonly error: unknown;
  readonly send: () => void;
  readonly close: () => void;
  readonly children: ReactNode;
}

/** A dialog with a form: its fields, what went wrong, and the two ways out. */
export function FormDialog({ title, yes, isBusy, isGood = true, error, send, close, children }: Props) {
  const words = useWords();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isGood) send();
  };
  return (
    <Dialog title={title} close={close}>
      <form className="stack" onSubmit={submit}>
        {children}
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
