/** What a part of a page looks like when it has nothing to show: not yet, not at all, or not any more. */

import type { ReactNode } from "react";
import { ApiError } from "@/api/client";
import { useWords } from "@/app/preferences";
import type { Words } from "@/words/words";
import { Button } from "./button";

export function Loading() {
  return (
    <div className="state loading" role="status">
      <span className="spinner" aria-hidden="true" />
      <span>{useWords().app.loading}</span>
    </div>
  );
}

/** Says why there is nothing, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state empty">
      <p className="state-title">{title}</p>
      {children}
    </div>
  );
}

/** An error, in the API's own words. */
export function Failure({ error, again }: { error: unknown; again?: () => void }) {
  const words = useWords();
  return (
    <div className="state failure" role="alert">
      <p className="state-title">{words.app.failure.title}</p>
      <p>{said(error, words)}</p>
      {again && <Button onClick={again}>{words.app.retry}</Button>}
    </div>
  );
}

/** An error in one sentence that says what to do. */
export function said(error: unknown, words: Words): string {
  if (!(error instanceof ApiError)) return words.app.failure.broken;
  if (error.code === "UNREACHABLE") return words.app.failure.unreachable;
  const wait = error.retryAfterS === null ? "" : ` ${words.app.failure.retryIn(error.retryAfterS)}`;
  return `${error.message}${wait} (${error.code})`;
}

interface Query<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly isPending: boolean;
  readonly refetch: () => unknown;
}

/** An answer as soon as it is there.  One that could not be renewed is shown, with the error above it. */
export function Answered<T>({ query, children }: { query: Query<T>; children: (data: T) => ReactNode }) {
  const again = () => void query.refetch();
  if (query.data === undefined)
    return query.isPending ? <Loading /> : <Failure error={query.error} again={again} />;
  return (
    <>
      {query.error != null && <Failure error={query.error} again={again} />}
      {children(query.data)}
    </>
  );
}
