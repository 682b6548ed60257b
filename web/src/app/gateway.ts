/** Where clients reach the gateway, as far as this page can know. */

import { useAsked } from "@/api/hooks";
import { useIsAdmin } from "./session";

const USUAL_PORT = "8080";
/** What a listener on every address is bound to; nobody can call that. */
const EVERYWHERE = ["0.0.0.0", "[::]", "::", ""];

/** `http://127.0.0.1:8080`: as it is set up, which only an admin may ask; else as it is without settings. */
export function useGateway(): string {
  const config = useAsked("/admin/config", {}, { enabled: useIsAdmin(), refetchInterval: false }).data;
  return gatewayAt(config?.settings["gateway.bind"], window.location.hostname);
}

/** The address of a listener, as a page from that host would call it. */
export function gatewayAt(bind: unknown, host: string): string {
  const [, name = "", port = USUAL_PORT] = /^(.*):(\d+)$/.exec(typeof bind === "string" ? bind : "") ?? [];
  return `http://${EVERYWHERE.includes(name) ? host : name}:${port}`;
}
