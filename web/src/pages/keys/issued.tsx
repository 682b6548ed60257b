import { useState } from "react";
import { useGateway } from "@/app/gateway";
import { useWords } from "@/app/preferences";
import { Button } from "@/parts/button";
import { Copy } from "@/parts/copy";
import { Dialog } from "@/parts/dialog";
import { Segments } from "@/parts/segments";
import { snippetsOf } from "@/pure/keys";

/** A new key, this once, and what to paste where.  It is kept nowhere else: closed, it is gone. */
export function Issued({ secret, name, close }: { secret: string; name: string; close: () => void }) {
  const { keys: words } = useWords();
  const gateway = useGateway();
  const snippets = snippetsOf(gateway, secret);
  const [picked, setPicked] = useState(snippets[0]?.name ?? "");
  const shown = snippets.find((one) => one.name === picked);
  return (
    <Dialog title={words.issued.title(name)} isWide close={close}>
      <div className="stack">
        <p>{words.issued.once}</p>
        <div className="snippet secret">
          <code data-testid="secret">{secret}</code>
          <Copy text={secret} autoFocus />
        </div>
        <h3>{words.issued.how}</h3>
        <Segments
          label={words.issued.how}
          names={snippets.map((one) => one.name)}
          picked={picked}
          sayOf={(one) => one}
          pick={setPicked}
        />
        {shown !== undefined && (
          <div className="snippet">
            <div className="snippet-head">
              <span className="muted">{shown.file ?? ""}</span>
              <Copy text={shown.text} />
            </div>
            <pre tabIndex={0}>{shown.text}</pre>
          </div>
        )}
        <p className="muted hint">{words.issued.credential}</p>
        <div className="row">
          <Button kind="main" onClick={close}>
            {words.issued.done}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
