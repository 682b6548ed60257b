import { useCredentials } from "@/api/all";
import { useAsked } from "@/api/hooks";
import { useWords } from "@/app/preferences";
import { useIsAdmin } from "@/app/session";
import { useFormat } from "@/app/view";
import { Card } from "@/parts/page";
import { Answered } from "@/parts/states";
import { Table } from "@/parts/table";
import { UNKNOWN } from "@/pure/format";

/** Where each provider is, what it serves, and what stands in for it. */
export function SetUp() {
  const { providers: words } = useWords();
  const format = useFormat();
  const kept = new Map<string, number>();
  for (const { provider, disabled_at } of useCredentials({ enabled: useIsAdmin() }).data?.rows ?? [])
    if (disabled_at === null) kept.set(provider, (kept.get(provider) ?? 0) + 1);
  const providers = useAsked("/admin/providers");
  return (
    <Card title={words.setup}>
      <Answered query={providers}>
        {({ providers: some, source }) => (
          <div className="stack">
            {source.lastReloadError != null && (
              <div role="alert" className="state failure">
                <p className="state-title">{words.leftOut}</p>
                <p>{source.lastReloadError.message}</p>
              </div>
            )}
            <p className="muted hint">{words.source(source.configPath ?? source.source)}</p>
            <Table
              label={words.setup}
              rows={some}
              keyOf={({ id }) => id}
              columns={[
                { name: words.provider, show: ({ id }) => <strong>{id}</strong> },
                { name: words.type, show: ({ type }) => type },
                { name: words.upstream, show: ({ upstream }) => <code>{upstream}</code> },
                {
                  name: words.paths,
                  show: ({ paths }) => (paths.length === 0 ? words.anyPath : paths.join(", ")),
                },
                { name: words.models, show: ({ models }) => models?.join(", ") ?? words.anyModel },
                {
                  name: words.auth,
                  show: ({ id, hasCredential }) => {
                    const count = kept.get(id) ?? 0;
                    const some = [
                      count > 0 ? words.kept(format.count(count)) : null,
                      hasCredential ? words.own : null,
                    ].filter((one) => one !== null);
                    return some.length === 0 ? words.callers : some.join(", ");
                  },
                },
                {
                  name: words.fallback,
                  show: ({ fallback }) => (fallback.length === 0 ? UNKNOWN : fallback.join(" → ")),
                },
              ]}
            />
          </div>
        )}
      </Answered>
    </Card>
  );
}
