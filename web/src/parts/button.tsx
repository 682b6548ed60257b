import type { ButtonHTMLAttributes } from "react";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `main`: what the page is for; `danger`: takes something away; `quiet`: looks like text. */
  readonly kind?: "plain" | "main" | "danger" | "quiet";
  readonly isBusy?: boolean;
}

export function Button({
  kind = "plain",
  isBusy = false,
  type = "button",
  className = "",
  disabled,
  ...rest
}: Props) {
  return (
    <button
      {...rest}
      type={type}
      className={`button ${kind} ${className}`}
      aria-busy={isBusy}
      disabled={disabled === true || isBusy}
    />
  );
}
