import { cloneElement, type InputHTMLAttributes, type ReactElement, useId } from "react";

interface Props {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  /** One `input`, `select` or `textarea`. */
  readonly children: ReactElement<InputHTMLAttributes<HTMLElement>>;
}

/** A labelled input, with what to know about it and what is wrong with it. */
export function Field({ label, hint, error, children }: Props) {
  const id = useId();
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, {
        id,
        ...(about === "" ? {} : { "aria-describedby": about }),
        ...(error === undefined ? {} : { "aria-invalid": true }),
      })}
      {hint && (
        <small id={`${id}-hint`} className="muted">
          {hint}
        </small>
      )}
      {error && (
        <small id={`${id}-error`} className="bad" role="alert">
          {error}
        </small>
      )}
    </div>
  );
}
