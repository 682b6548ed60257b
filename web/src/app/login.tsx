/** The page for whoever has to say a password first. */

import { type FormEvent, useState } from "react";
import { post } from "@/api/client";
import { useChange } from "@/api/hooks";
import { Button } from "@/parts/button";
import { Field } from "@/parts/field";
import { said } from "@/parts/states";
import { useWords } from "./preferences";

export function LoginPage({ isConfigured }: { isConfigured: boolean }) {
  const words = useWords();
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const login = useChange(
    () => post("/admin/session/login", { body: { password, ...(user === "" ? {} : { user }) } }),
    ["/"],
  );
  const send = (event: FormEvent) => {
    event.preventDefault();
    login.mutate(undefined);
  };
  return (
    <main className="login">
      <form className="card login-card" onSubmit={send}>
        <h1>{words.app.session.title}</h1>
        {isConfigured ? (
          <>
            <Field label={words.app.session.user}>
              <input autoComplete="username" value={user} onChange={(event) => setUser(event.target.value)} />
            </Field>
            <Field label={words.app.session.password}>
              <input
                type="password"
                autoComplete="current-password"
                required
                value={password}
                onChange={(event) => setPassword(event.target.value)}
              />
            </Field>
            {login.error && (
              <p role="alert" className="bad">
                {said(login.error, words)}
              </p>
            )}
            <Button type="submit" kind="main" isBusy={login.isPending}>
              {words.app.session.logIn}
            </Button>
          </>
        ) : (
          <p>{words.app.session.notConfigured}</p>
        )}
      </form>
    </main>
  );
}
