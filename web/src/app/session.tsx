/** Who is looking: nobody yet (a login page), a viewer, or an admin. */

import { createContext, type ReactNode, useContext } from "react";
import { useAsked } from "@/api/hooks";
import { Failure, Loading } from "@/parts/states";
import { LoginPage } from "./login";

interface Who {
  readonly role: "viewer" | "admin";
  /** Whether there is a session to end: without credentials everybody on this machine is an admin. */
  readonly hasLogin: boolean;
}

const Context = createContext<Who>({ role: "viewer", hasLogin: false });

/** Shows what it holds to whoever may see it. */
export function SignedIn({ children }: { children: ReactNode }) {
  const session = useAsked("/admin/session");
  if (session.isPending) return <Loading />;
  if (session.data === undefined)
    return <Failure error={session.error} again={() => void session.refetch()} />;
  const { authenticated, loginConfigured, role } = session.data;
  if (!authenticated || role === null) return <LoginPage isConfigured={loginConfigured} />;
  return <Context.Provider value={{ role, hasLogin: loginConfigured }}>{children}</Context.Provider>;
}

export function useWho(): Who {
  return useContext(Context);
}

export function useIsAdmin(): boolean {
  return useWho().role === "admin";
}
