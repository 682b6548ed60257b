/** Forms for secrets.  What is typed lives in the form alone and is gone with it. */

import { useState } from "react";
import { type Credential, useProjects } from "@/api/all";
import { patch, post } from "@/api/client";
import { useAsked, useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { Field } from "@/parts/field";
import { FormDialog } from "@/parts/form-dialog";
import { Pick } from "@/parts/pick";
import { projectOptions } from "@/pure/registered";

const TOUCHED = ["/admin/credentials"];

export function NewCredential({ close }: { close: () => void }) {
  const words = useWords();
  const saying = words.credentials.form;
  const providers = useAsked("/admin/providers");
  const projects = useProjects();
  const ids = providers.data?.providers.map(({ id }) => id) ?? [];
  const [named, setNamed] = useState<string | null>(null);
  const provider = named ?? ids[0] ?? "";
  const [name, setName] = useState("main");
  const [project, setProject] = useState("");
  const [secret, setSecret] = useState("");
  const make = useChange(
    () =>
      post("/admin/credentials", {
        body: { provider, name: name.trim(), secret, project_id: project || null },
      }),
    TOUCHED,
  );
  return (
    <FormDialog
      title={words.credentials.add}
      yes={saying.save}
      isBusy={make.isPending || providers.isPending}
      error={make.error ?? providers.error}
      send={() => make.mutate(undefined, { onSuccess: close })}
      close={close}
    >
      <Field label={saying.provider}>
        <select required value={provider} onChange={(event) => setNamed(event.target.value)}>
          {ids.map((id) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </Field>
      <Field label={saying.name}>
        <input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <Field label={saying.project}>
        <Pick
          options={[
            { value: "", text: words.credentials.everybody },
            ...projectOptions((projects.data?.rows ?? []).filter(({ is_active }) => is_active)),
          ]}
          value={project}
          pick={setProject}
        />
      </Field>
      <SecretField secret={secret} set={setSecret} />
    </FormDialog>
  );
}

/** Another secret in the place of the old one. */
export function NewSecret({ of, close }: { of: Credential; close: () => void }) {
  const words = useWords();
  const [secret, setSecret] = useState("");
  const change = useChange(
    () => patch("/admin/credentials/{id}", { path: { id: of.id }, body: { secret } }),
    TOUCHED,
  );
  return (
    <FormDialog
      title={`${words.credentials.replace}: ${of.name}`}
      yes={words.credentials.form.save}
      isBusy={change.isPending}
      error={change.error}
      send={() => change.mutate(undefined, { onSuccess: close })}
      close={close}
    >
      <SecretField secret={secret} set={setSecret} />
    </FormDialog>
  );
}

function SecretField({ secret, set }: { secret: string; set: (secret: string) => void }) {
  const { form } = useWords().credentials;
  return (
    <Field label={form.secret} hint={form.secretHint}>
      <input
        type="password"
        required
        autoComplete="off"
        spellCheck={false}
        value={secret}
        onChange={(event) => set(event.target.value)}
      />
    </Field>
  );
}
