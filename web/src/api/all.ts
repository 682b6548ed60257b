/** Whole listings: pages are asked for until there is no next one. */

import { useQuery } from "@tanstack/react-query";
import { type Answer, type ApiError, get } from "./client";
import type { Options } from "./hooks";

const PAGE = 1000;
/** More than that nobody looks through; the answer says that there is more. */
const PAGES_MAX = 10;

export interface All<Row> {
  readonly rows: readonly Row[];
  /** There are more than are here. */
  readonly isCut: boolean;
}

export type Key = Answer<"/admin/keys">["keys"][number];
export type Project = Answer<"/admin/projects">["projects"][number];
export type Credential = Answer<"/admin/credentials">["credentials"][number];
export type Limit = Answer<"/admin/limits">["limits"][number];

export function useKeys(options: Options = {}) {
  return useAll(
    "/admin/keys",
    async (query) => {
      const { keys, next } = await get("/admin/keys", { query });
      return { rows: keys, next };
    },
    options,
  );
}

export function useProjects(options: Options = {}) {
  return useAll(
    "/admin/projects",
    async (query) => {
      const { projects, next } = await get("/admin/projects", { query });
      return { rows: projects, next };
    },
    options,
  );
}

/** Only admins may ask. */
export function useCredentials(options: Options = {}) {
  return useAll(
    "/admin/credentials",
    async (query) => {
      const { credentials, next } = await get("/admin/credentials", { query });
      return { rows: credentials, next };
    },
    options,
  );
}

export function useLimits() {
  return useAll("/admin/limits", async (query) => {
    const { limits, next } = await get("/admin/limits", { query });
    return { rows: limits, next };
  });
}

type Ask<Row> = (query: {
  limit: number;
  after?: number;
}) => Promise<{ rows: readonly Row[]; next: number | null }>;

function useAll<Row>(path: string, ask: Ask<Row>, options: Options = {}) {
  return useQuery<All<Row>, ApiError>({
    queryKey: [path, "all"],
    ...options,
    queryFn: async () => {
      const rows: Row[] = [];
      let after: number | null = null;
      for (let page = 0; page < PAGES_MAX; page++) {
        const found: { rows: readonly Row[]; next: number | null } = await ask(
          after === null ? { limit: PAGE } : { limit: PAGE, after },
        );
        rows.push(...found.rows);
        after = found.next;
        if (after === null) break;
      }
      return { rows, isCut: after !== null };
    },
  });
}
