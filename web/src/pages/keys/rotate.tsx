import { type FormEvent, useState } from "react";
import type { Key } from "@/api/all";
import { post } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { Button } from "@/parts/button";
import { Dialog } from "@/parts/dialog";
import { Field } from "@/parts/field";
import { said } from "@/parts/states";
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
  const send = (event: FormEvent) => {
    event.preventDefault();
    rotate.mutate(undefined);
  };
  return (
    <Dialog title={words.keys.rotateTitle} close={close}>
      <form className="stack" onSubmit={send}>
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
        {rotate.error && (
          <p role="alert" className="bad">
            {said(rotate.error, words)}
          </p>
        )}
        <div className="row">
          <Button type="submit" kind="main" isBusy={rotate.isPending}>
            {words.keys.rotate}
          </Button>
          <Button onClick={close}>{words.app.cancel}</Button>
        </div>
      </form>
    </Dialog>
  );
}
