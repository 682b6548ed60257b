import { useState } from "react";
import { post } from "@/api/client";
import { useChange } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat, useNow } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Button } from "@/parts/button";
import { Confirm } from "@/parts/dialog";
import { Card } from "@/parts/page";
import { Answered, Empty, said as sayError } from "@/parts/states";
import { type Column, Table } from "@/parts/table";
import type { BreakerShown } from "@/api/schema";
import { subjectOf, worstFirst } from "@/pure/breakers";
import { STATE_TONES } from "./health";
import { useBreakers } from "./questions";

export function Breakers() {
  const words = useWords();
  const said = words.providers;
  const format = useFormat();
  const isAdmin = useIsAdmin();
  const now = useNow(1000);
  const breakers = useBreakers();
  const [asked, setAsked] = useState<string | null>(null);
  const reset = useChange(
    (providerId: string) => post("/admin/breakers/{providerId}/reset", { path: { providerId } }),
    ["/admin/breakers"],
  );
  const close = () => {
    setAsked(null);
    reset.reset();
  };
  const nameOf = (providerId: string) => {
    const { provider, credential } = subjectOf(providerId);
    return credential === null ? provider : said.credential(provider, credential);
  };
  const columns: Column<BreakerShown>[] = [
    { name: said.what, show: ({ providerId }) => nameOf(providerId), by: ({ providerId }) => providerId },
    { name: said.state, show: ({ state }) => <Badge tone={STATE_TONES[state]}>{said.states[state]}</Badge> },
    {
      name: said.failures,
      isNumber: true,
      show: ({ failures }) => format.count(failures),
      by: (one) => one.failures,
    },
    { name: said.opened, show: ({ openedAt }) => format.ago(openedAt || null, now) },
    { name: said.tries, show: ({ retry_at }) => format.ago(retry_at, now) },
    { name: said.openedBy, show: ({ opened_by }) => opened_by ?? format.count(null) },
    {
      name: said.last,
      show: ({ lastActivity }) => format.ago(lastActivity || null, now),
      by: (one) => one.lastActivity,
    },
  ];
  if (isAdmin) {
    columns.push({
      name: said.actions,
      show: ({ providerId, state, failures }) =>
        state === "closed" && failures === 0 ? null : (
          <Button
            className="small"
            aria-label={`${said.reset}: ${nameOf(providerId)}`}
            onClick={() => setAsked(providerId)}
          >
            {said.reset}
          </Button>
        ),
    });
  }
  return (
    <Card title={said.breakers}>
      <p className="muted hint">{said.breakersAbout}</p>
      <Answered query={breakers}>
        {({ breakers: some }) =>
          some.length === 0 ? (
            <Empty title={said.noBreakers} />
          ) : (
            <Table
              label={said.breakers}
              rows={worstFirst(some)}
              keyOf={({ providerId }) => providerId}
              columns={columns}
            />
          )
        }
      </Answered>
      {asked !== null && (
        <Confirm
          title={said.resetTitle}
          text={said.resetText(nameOf(asked))}
          yes={said.reset}
          isBusy={reset.isPending}
          error={reset.error === null ? undefined : sayError(reset.error, words)}
          confirm={() => reset.mutate(asked, { onSuccess: close })}
          close={close}
        />
      )}
    </Card>
  );
}
