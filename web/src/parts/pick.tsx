/** One of many, found by typing some of its name: an input whose list of choices opens below it. */

import { type InputHTMLAttributes, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { calledLike, offered, type Option } from "@/pure/options";

const SHOWN_MAX = 50;
const NONE = -1;

interface Props extends Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "value"> {
  readonly options: readonly Option[];
  readonly value: string;
  readonly pick: (value: string) => void;
  /** Whether a text that is not offered is a value, too. */
  readonly isFree?: boolean;
}

export function Pick({ options, value, pick, isFree = false, ...rest }: Props) {
  const { pick: words } = useWords().app;
  const format = useFormat();
  const id = useId();
  const list = useRef<HTMLUListElement>(null);
  /** What stands in the input while the list is open; `null`: it is closed. */
  const [typed, setTyped] = useState<string | null>(null);
  // Whoever only opened the list wants to see all of it.
  const [isNarrowed, setNarrowed] = useState(false);
  const [active, setActive] = useState(NONE);
  const chosen = options.find((one) => one.value === value)?.text ?? (isFree ? value : "");
  const isListed = typed !== null;
  const { shown, more } = offered(options, isNarrowed ? (typed ?? "") : "", SHOWN_MAX);

  const type = (text: string) => {
    setTyped(text);
    setNarrowed(true);
    setActive(isFree ? NONE : 0);
    if (isFree) pick(text);
  };
  const take = (one: Option | undefined) => {
    if (one !== undefined) pick(one.value);
    setTyped(null);
  };
  const open = () => {
    setTyped(chosen);
    setNarrowed(false);
    setActive(options.slice(0, SHOWN_MAX).findIndex((one) => one.value === value));
  };
  const leave = () => {
    if (isListed) take(isFree || !isNarrowed ? undefined : calledLike(options, typed));
  };
  const move = (by: number) =>
    isListed ? setActive((now) => Math.min(Math.max(now + by, 0), shown.length - 1)) : open();
  const press = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Escape" && isListed) setTyped(null);
    else if (event.key === "Enter" && isListed && shown[active] !== undefined) take(shown[active]);
    else return;
    // Neither moves the caret, nor sends the form, nor closes the window that this is in.
    event.preventDefault();
  };
  useEffect(() => {
    if (isListed) list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [isListed, active]);

  return (
    <span className="pick">
      <input
        {...rest}
        role="combobox"
        autoComplete="off"
        spellCheck={false}
        aria-autocomplete="list"
        aria-expanded={isListed}
        aria-controls={id}
        aria-activedescendant={isListed && shown[active] !== undefined ? `${id}-${active}` : undefined}
        value={typed ?? chosen}
        onChange={(event) => type(event.target.value)}
        onClick={() => isListed || open()}
        onFocus={(event) => event.target.select()}
        onBlur={leave}
        onKeyDown={press}
      />
      {/* The input keeps the keyboard, whatever is clicked here. */}
      <span className="pick-list" hidden={!isListed} onMouseDown={(event) => event.preventDefault()}>
        <ul ref={list} id={id} role="listbox" aria-label={words.label} hidden={shown.length === 0}>
          {isListed &&
            shown.map((one, n) => (
              <li
                key={one.value}
                id={`${id}-${n}`}
                role="option"
                aria-selected={n === active}
                onClick={() => take(one)}
              >
                {one.text} {one.note !== undefined && <small className="muted">{one.note}</small>}
              </li>
            ))}
        </ul>
        {isListed && shown.length === 0 && <span className="muted">{words.nothing}</span>}
        {isListed && more > 0 && <span className="muted">{words.more(format.count(more))}</span>}
      </span>
    </span>
  );
}
