/** What several parts of the page ask: asked once. */

import { useAsked } from "@/api/hooks";

/** Breakers change by themselves; they are asked for more often than figures. */
const OFTEN_MS = 5_000;

export function useBreakers() {
  return useAsked("/admin/breakers", {}, { refetchInterval: OFTEN_MS });
}
