import { useState } from "react";
import { useGateway } from "@/app/gateway";
import { useWords } from "@/app/preferences";
import { Button } from "@/parts/button";
import { Copy } from "@/parts/copy";
import { Dialog } from "@/parts/dialog";
import { Segments } from "@/parts/segments";
import { snippetsOf } from "@/pure/keys";

/** A new key, this once, and what to paste where.  It is kept nowhere else: closed, it is gone. */
export function Issued({ secret, close }: { secret: string; close: () => void }) {
  const { keys: words } = useWords();
  const gateway = useGateway();
  const snippets = snippetsOf(gateway, secret);
  const [picked, setPicked] = useState(snippets[0]?.name ?? "");
  const shown = snippets.find(({ name }) => name === picked)?.text ?? "";
  return (
    <Dialog title={words.issued.title} close={close}>
      <div className="stack">
        <p>{words.issued.once}</p>
        <div className="snippet row">
          <code data-testid="secret">{secret}</code>
          <Copy text={secret} />
        </div>
        <h3>{words.issued.how}</h3>
        <Segments
          label={words.issued.how}
          names={snippets.map(({ name }) => name)}
          picked={picked}
          sayOf={(name) => name}
          pick={setPicked}
        />
        <div className="snippet stack">
          <pre tabIndex={0}>{shown}</pre>
          <div className="row">
            <Copy text={shown} />
          </div>
        </div>
        <div className="row">
          <Button kind="main" onClick={close}>
            {words.issued.done}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
