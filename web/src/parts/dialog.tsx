/** A window above the page: a dialog in its middle, or a drawer at its side.  Escape closes it. */

import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useWords } from "@/app/preferences";
import { Button } from "./button";

interface Props {
  readonly title: string;
  readonly isDrawer?: boolean;
  /** Has room for lines of code. */
  readonly isWide?: boolean;
  readonly close: () => void;
  readonly children: ReactNode;
}

/** Open as long as it is there. */
export function Dialog({ title, isDrawer = false, isWide = false, close, children }: Props) {
  const words = useWords();
  const id = useId();
  const place = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = place.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      // Whoever works with keys goes on where the window was opened, also if another took its place.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={place}
      className={isDrawer ? "drawer" : isWide ? "wide" : ""}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (
          event.target === event.currentTarget &&
          isOutside(event.currentTarget, event.clientX, event.clientY)
        )
          close();
      }}
    >
      <header className="dialog-head">
        <h2 id={id}>{title}</h2>
        <Button kind="quiet" className="small" onClick={close}>
          {words.app.close}
        </Button>
      </header>
      {children}
    </dialog>
  );
}

function isOutside(element: HTMLElement, x: number, y: number): boolean {
  const box = element.getBoundingClientRect();
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}

interface AskProps {
  readonly title: string;
  readonly text: string;
  /** What is done when the answer is yes, as the button says it. */
  readonly yes: string;
  readonly isBusy: boolean;
  readonly error?: string | undefined;
  readonly confirm: () => void;
  readonly close: () => void;
}

/** Asks before something is taken away. */
export function Confirm({ title, text, yes, isBusy, error, confirm, close }: AskProps) {
  const words = useWords();
  return (
    <Dialog title={title} close={close}>
      <div className="stack">
        <p>{text}</p>
        {error && (
          <p role="alert" className="bad">
            {error}
          </p>
        )}
        <div className="row">
          <Button kind="danger" isBusy={isBusy} onClick={confirm}>
            {yes}
          </Button>
          <Button onClick={close}>{words.app.cancel}</Button>
        </div>
      </div>
    </Dialog>
  );
}
