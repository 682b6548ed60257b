import { useEffect, useRef, useState } from "react";
import { useWords } from "@/app/preferences";
import { Button } from "./button";

const SAID_MS = 2000;

interface Props {
  readonly text: string;
  readonly label?: string;
  readonly autoFocus?: boolean;
}

/** Puts a text on the clipboard, and says so. */
export function Copy({ text, label, autoFocus = false }: Props) {
  const words = useWords();
  const [isDone, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    await toClipboard(text);
    setDone(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setDone(false), SAID_MS);
  };
  return (
    <Button className="small" aria-live="polite" autoFocus={autoFocus} onClick={() => void copy()}>
      {isDone ? words.app.copied : (label ?? words.app.copy)}
    </Button>
  );
}

/** Browsers have a clipboard only for pages over TLS or from this machine; elsewhere a selection does it. */
async function toClipboard(text: string): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
