import type { Key } from "@/api/all";
import { remove } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { Confirm } from "@/parts/dialog";
import { said } from "@/parts/states";

/** Asks, and takes a key out of use for good. */
export function Revoke({ of, close }: { of: Key; close: () => void }) {
  const words = useWords();
  const revoke = useChange(() => remove("/admin/keys/{id}", { path: { id: of.id } }), ["/admin/keys"]);
  return (
    <Confirm
      title={words.keys.revokeTitle}
      text={words.keys.revokeText(of.name)}
      yes={words.keys.revoke}
      isBusy={revoke.isPending}
      error={revoke.error === null ? undefined : said(revoke.error, words)}
      confirm={() => revoke.mutate(undefined, { onSuccess: close })}
      close={close}
    />
  );
}
