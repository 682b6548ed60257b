import { useState } from "react";
import type { Key } from "@/api/all";
import { post } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { Field } from "@/parts/field";
import { FormDialog } from "@/parts/form-dialog";
import { Issued } from "./issued";

const OVERLAPS = ["0", "3600", "86400", "604800"] as const;

/** A successor for a key. */
export function Rotate({ of, close }: { of: Key; close: () => void }) {
  const words = useWords();
  const [overlap, setOverlap] = useState<(typeof OVERLAPS)[number]>("3600");
  const rotate = useChange(
    () => post("/admin/keys/{id}/rotate", { path: { id: of.id }, body: { overlap_s: Number(overlap) } }),
    ["/admin/keys"],
  );
  if (rotate.data !== undefined)
    return <Issued secret={rotate.data.key} name={rotate.data.name} close={close} />;
  return (
    <FormDialog
      title={words.keys.rotateTitle}
      yes={words.keys.rotate}
      isBusy={rotate.isPending}
      error={rotate.error}
      send={() => rotate.mutate(undefined)}
      close={close}
    >
      <p>{words.keys.rotateText(of.name)}</p>
      <Field label={words.keys.overlap}>
        <select value={overlap} onChange={(event) => setOverlap(event.target.value as typeof overlap)}>
          {OVERLAPS.map((one) => (
            <option key={one} value={one}>
              {words.keys.overlaps[one]}
            </option>
          ))}
        </select>
      </Field>
    </FormDialog>
  );
}
