/**
 * Asks the control API.
 *
 *   get("/admin/keys/{id}", { path: { id: 7 } })   typed by the OpenAPI document
 *
 * Whatever goes wrong is an `ApiError` with the API's own text, which says what to do.
 */

import type { paths } from "./schema";

type Method = "get" | "post" | "patch" | "delete";
type Operation<P extends keyof paths, M extends Method> = Exclude<paths[P][M], undefined>;
/** Paths that know a method. */
export type PathsOf<M extends Method> = {
  [P in keyof paths]: [Operation<P, M>] extends [never] ? never : P;
}[keyof paths];

type Responses<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? R : never;
type JsonOf<R> = R extends { content: { "application/json": infer A } } ? A : undefined;
/** What an operation answers when it went well. */
export type Answer<P extends keyof paths, M extends Method = "get"> =
  Responses<P, M> extends infer R
    ? 200 extends keyof R
      ? JsonOf<R[200 & keyof R]>
      : 201 extends keyof R
        ? JsonOf<R[201 & keyof R]>
        : undefined
    : never;
type Parameters<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: infer A } ? A : never;
export type Query<P extends keyof paths, M extends Method = "get"> =
  Parameters<P, M> extends { query?: infer Q } ? Loose<Exclude<Q, undefined>> : never;
/** What is `undefined` is left out of the URL. */
type Loose<Q> = { [K in keyof Q]?: Q[K] | undefined };
export type Sent<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody?: infer B }
    ? Exclude<B, undefined> extends { content: { "application/json": infer J } }
      ? J
      : undefined
    : undefined;

export interface Parts<P extends keyof paths, M extends Method> {
  readonly path?: Readonly<Record<string, string | number>>;
  readonly query?: Query<P, M>;
  readonly body?: Sent<P, M>;
  readonly signal?: AbortSignal;
}

/** The API said no, or did not answer at all (status 0). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    /** For programs: `FORBIDDEN`, `BOOKS_UNAVAILABLE`, …; `UNREACHABLE` without an answer. */
    readonly code: string,
    message: string,
    readonly retryAfterS: number | null,
    readonly details: unknown,
  ) {
    super(message);
  }
}

/** Where the API is: beside this page, whatever path prefix that has. */
export const HOME = new URL("./", document.baseURI);

export function addressOf(
  path: string,
  parts: { path?: Readonly<Record<string, string | number>>; query?: object } = {},
): URL {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(parts.path?.[name] ?? "")),
  );
  const url = new URL(`.${filled}`, HOME);
  for (const [name, value] of Object.entries(parts.query ?? {})) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  }
  return url;
}

async function send<P extends keyof paths, M extends Method>(
  method: M,
  path: P,
  parts: Parts<P, M>,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(addressOf(path, parts), {
      method: method.toUpperCase(),
      // Says that one of our own pages asks: other pages cannot send it.
      headers: { "x-csrf": "1", ...(parts.body === undefined ? {} : { "content-type": "application/json" }) },
      ...(parts.body === undefined ? {} : { body: JSON.stringify(parts.body) }),
      ...(parts.signal === undefined ? {} : { signal: parts.signal }),
      credentials: "same-origin",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "UNREACHABLE", "", null, null);
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

async function ask<P extends keyof paths, M extends Method>(
  method: M,
  path: P,
  parts: Parts<P, M>,
): Promise<Answer<P, M>> {
  const response = await send(method, path, parts);
  return (response.status === 204 ? undefined : await response.json()) as Answer<P, M>;
}

/** A page of a long list, and what of the question changes to read on; `null`: that was all. */
export interface Listed<T> {
  readonly rows: T;
  readonly next: Readonly<Record<string, string>> | null;
}

/** Asks for a page of a list that says in the header `Link` where it goes on. */
export async function getListed<P extends PathsOf<"get">>(
  path: P,
  parts: Parts<P, "get"> = {},
): Promise<Listed<Answer<P, "get">>> {
  const response = await send("get", path, parts);
  return { rows: (await response.json()) as Answer<P, "get">, next: nextOf(response.headers.get("link")) };
}

/** Asks without a wait for the body: only whether there is an answer, and if not, why. */
export async function probe<P extends PathsOf<"get">>(path: P, parts: Parts<P, "get"> = {}): Promise<void> {
  const response = await send("get", path, parts);
  await response.body?.cancel();
}

/** The query of the `rel="next"` of a header `Link`. */
export function nextOf(link: string | null): Readonly<Record<string, string>> | null {
  const found = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link ?? "")?.[1];
  return found === undefined ? null : Object.fromEntries(new URL(found, "http://here/").searchParams);
}

async function failureOf(response: Response): Promise<ApiError> {
  const said: unknown = await response.json().catch(() => null);
  const body = (said ?? {}) as { error?: unknown; code?: unknown; details?: unknown };
  const wait = Number(response.headers.get("retry-after"));
  return new ApiError(
    response.status,
    typeof body.code === "string" ? body.code : `HTTP_${response.status}`,
    typeof body.error === "string" ? body.error : response.statusText,
    wait > 0 ? wait : null,
    body.details,
  );
}

export const get = <P extends PathsOf<"get">>(path: P, parts: Parts<P, "get"> = {}) =>
  ask("get", path, parts);
export const post = <P extends PathsOf<"post">>(path: P, parts: Parts<P, "post"> = {}) =>
  ask("post", path, parts);
export const patch = <P extends PathsOf<"patch">>(path: P, parts: Parts<P, "patch"> = {}) =>
  ask("patch", path, parts);
export const remove = <P extends PathsOf<"delete">>(path: P, parts: Parts<P, "delete"> = {}) =>
  ask("delete", path, parts);
