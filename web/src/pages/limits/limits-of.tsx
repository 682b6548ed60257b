import { useState } from "react";
import { useLimits } from "@/api/all";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { Button } from "@/parts/button";
import { Answered, Empty } from "@/parts/states";
import { NewLimit } from "./forms";
import { LimitTable } from "./limit-table";

interface Props {
  readonly kind: "key" | "project";
  readonly id: string;
  readonly name: string;
}

/** The limits of one key or project, those that each of them has among them. */
export function LimitsOf({ kind, id, name }: Props) {
  const { limits: words } = useWords();
  const isAdmin = useIsAdmin();
  const limits = useLimits();
  const [isMaking, setMaking] = useState(false);
  return (
    <section className="stack" aria-label={words.title}>
      <header className="card-head">
        <h3>{words.title}</h3>
        {isAdmin && (
          <Button className="small" onClick={() => setMaking(true)}>
            {words.add}
          </Button>
        )}
      </header>
      <Answered query={limits}>
        {({ rows }) => {
          const its = rows.filter(({ scope }) => scope.kind === kind && (scope.id ?? id) === id);
          return its.length === 0 ? (
            <Empty title={words.noneOf(name)} />
          ) : (
            <LimitTable label={words.title} limits={its} of={id} />
          );
        }}
      </Answered>
      {isMaking && <NewLimit of={{ kind, id, name }} close={() => setMaking(false)} />}
    </section>
  );
}
