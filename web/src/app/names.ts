/** What people call the things that a report tells apart: projects and keys have names, the rest is its own. */

import { useMemo } from "react";
import { useKeys, useProjects } from "@/api/all";
import { type Dimension, UNSAID } from "@/pure/filters";
import { useWords } from "./preferences";

const SELDOM_MS = 300_000;
const ID_SHOWN = 8;

export type NameOf = (dimension: Dimension, key: string | null) => string;

/** `needed`: the dimensions that something is called by; nobody asks for names that are not shown. */
export function useNames(needed: readonly Dimension[] = ["project", "key"]): NameOf {
  const words = useWords();
  const often = { refetchInterval: SELDOM_MS, staleTime: SELDOM_MS };
  const projects = useProjects({ ...often, enabled: needed.includes("project") }).data;
  const keys = useKeys({ ...often, enabled: needed.includes("key") }).data;
  return useMemo(() => {
    const projectNames = unlike(
      (projects?.rows ?? []).map(({ id, name }) => [id, name, id.slice(0, ID_SHOWN)]),
    );
    const keyNames = unlike((keys?.rows ?? []).map(({ id, name }) => [String(id), name, `#${id}`]));
    return (dimension, key) => {
      const isUnsaid = key === null || key === UNSAID;
      switch (dimension) {
        case "project":
          return isUnsaid ? words.app.names.noProject : (projectNames.get(key) ?? key.slice(0, ID_SHOWN));
        case "key":
          return isUnsaid ? words.app.names.noKey : (keyNames.get(key) ?? `#${key}`);
        case "streamed":
          return key === "1" ? words.app.names.streamed : words.app.names.notStreamed;
        case "outcome":
          return words.app.outcomes[key as keyof typeof words.app.outcomes] ?? key ?? words.app.unknown;
        default:
          return isUnsaid ? words.app.unknown : key;
      }
    };
  }, [projects, keys, words]);
}

/** Names by id; where several have the same, with what tells them apart. */
function unlike(named: readonly (readonly [string, string | null, string])[]): Map<string, string> {
  const count = new Map<string | null, number>();
  for (const [, name] of named) count.set(name, (count.get(name) ?? 0) + 1);
  return new Map(
    named.map(([id, name, mark]) => [
      id,
      name === null || name === "" ? mark : count.get(name) === 1 ? name : `${name} (${mark})`,
    ]),
  );
}
