/** Questions to the API as hooks: cached, shared between parts of a page, asked again every 30 s. */

import { QueryCache, QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type Answer, ApiError, get, type Parts, type PathsOf } from "./client";

export const REFRESH_MS = 30_000;
const TRIES = 2;

const SESSION = "/admin/session";

export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    // A session that ended shows where something else is asked; who is looking is asked again then.
    onError: (error, { queryKey }) => {
      const isOver = error instanceof ApiError && (error.status === 401 || error.code === "UNAUTHORIZED");
      if (isOver && queryKey[0] !== SESSION) void queries.invalidateQueries({ queryKey: [SESSION] });
    },
  }),
  defaultOptions: {
    queries: {
      refetchInterval: REFRESH_MS,
      staleTime: REFRESH_MS / 2,
      placeholderData: (before: unknown) => before,
      retry: (count, error) => count < TRIES && error instanceof ApiError && isPassing(error),
    },
    // A key that was just issued is forgotten with the page that shows it.
    mutations: { gcTime: 0 },
  },
});

/** What may be over in a moment. */
function isPassing(error: ApiError): boolean {
  return error.status === 0 || error.status === 502 || error.status === 503;
}

export interface Options {
  /** `false`: not yet, since something that the question needs is not known. */
  readonly enabled?: boolean;
  readonly refetchInterval?: number | false;
  /** How long an answer is good enough for another part that asks the same. */
  readonly staleTime?: number;
}

/** The answer to a GET: `data`, `error`, `isPending`. */
export function useAsked<P extends PathsOf<"get">>(
  path: P,
  parts: Parts<P, "get"> = {},
  options: Options = {},
) {
  return useQuery<Answer<P, "get">, ApiError>({
    queryKey: [path, parts.path ?? null, parts.query ?? null],
    queryFn: ({ signal }) => get(path, { ...parts, signal }),
    ...options,
  });
}

/** A change; whatever was asked below `touches` is asked again when it is done. */
export function useChange<V, A>(change: (sent: V) => Promise<A>, touches: readonly string[]) {
  const client = useQueryClient();
  // What is done comes with the call, so that it is what the page says at that moment.
  const { mutate, variables, ...state } = useMutation<A, ApiError, { sent: V; run: () => Promise<A> }>({
    mutationFn: ({ run }) => run(),
    onSuccess: () =>
      client.invalidateQueries({
        predicate: ({ queryKey }) => touches.some((path) => String(queryKey[0]).startsWith(path)),
      }),
  });
  return {
    ...state,
    variables: variables?.sent,
    mutate: (sent: V, done: { readonly onSuccess?: () => void } = {}) =>
      mutate({ sent, run: () => change(sent) }, done),
  };
}
