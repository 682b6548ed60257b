import { useState } from "react";
import { useAsked } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { Badge } from "@/parts/badge";
import { Card } from "@/parts/page";
import { Answered } from "@/parts/states";
import { Table } from "@/parts/table";
import { UNKNOWN } from "@/pure/format";

/** Every setting, and of secrets whether they are set. */
export function Configuration() {
  const { system: words } = useWords();
  const config = useAsked("/admin/config", {}, { refetchInterval: false });
  const [part, setPart] = useState("");
  return (
    <Card
      title={words.config}
      actions={
        <label className="choice">
          <span className="muted">{words.filter}</span>
          <input type="search" value={part} onChange={(event) => setPart(event.target.value)} />
        </label>
      }
    >
      <p className="muted hint">{words.configAbout}</p>
      <Answered query={config}>
        {({ settings, secrets }) => (
          <div className="tall">
            <Table
              label={words.config}
              rows={[...Object.entries(settings), ...Object.entries(secrets)]
                .map(([name, value]) => ({ name, value, isSecret: name in secrets }))
                .filter(({ name }) => name.includes(part.trim().toLowerCase()))}
              keyOf={({ name, isSecret }) => `${name} ${isSecret}`}
              columns={[
                { name: words.setting, show: ({ name }) => <code>{name}</code>, by: ({ name }) => name },
                {
                  name: words.value,
                  show: ({ value, isSecret }) =>
                    isSecret ? (
                      <Badge tone={value === true ? "accent" : "plain"}>
                        {value === true ? words.set : words.notSet}
                      </Badge>
                    ) : (
                      <code>{shown(value)}</code>
                    ),
                },
              ]}
            />
          </div>
        )}
      </Answered>
    </Card>
  );
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return UNKNOWN;
  return typeof value === "string" ? value : JSON.stringify(value);
}
