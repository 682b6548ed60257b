/** Buttons that fetch the calls of the view as a file. */

import { ApiError, type Query } from "@/api/client";
import { download } from "@/api/download";
import { useChange } from "@/api/hooks";
import { useFilters } from "@/app/filters";
import { useWords } from "@/app/preferences";
import { useView } from "@/app/view";
import { Button } from "@/parts/button";
import { said } from "@/parts/states";
import { exportFilters } from "@/pure/filters";

const FORMATS = ["csv", "json", "jsonl", "parquet"] as const;
const NOTHING_CHANGED: readonly string[] = [];

export function Exports() {
  const words = useWords();
  const { asked } = useView();
  const { filters } = useFilters();
  const narrowed = exportFilters(filters);
  const fetching = useChange((format: (typeof FORMATS)[number]) => {
    const query: Query<"/admin/export"> = { format, from: asked.from, to: asked.to, ...narrowed };
    return download("/admin/export", { query });
  }, NOTHING_CHANGED);
  const { isPending, variables, error } = fetching;
  return (
    <div className="exports">
      <div className="row" role="group" aria-label={words.spend.exports.label}>
        <span className="muted">{words.spend.exports.title}</span>
        {FORMATS.map((format) => (
          <Button
            key={format}
            className="small"
            disabled={narrowed === null || isPending}
            isBusy={isPending && variables === format}
            onClick={() => fetching.mutate(format)}
          >
            {format}
          </Button>
        ))}
      </div>
      {narrowed === null && <p className="muted hint">{words.spend.exports.cannot}</p>}
      {error && (
        <p role="alert" className="bad hint">
          {words.spend.exports.failed}: {error instanceof ApiError ? said(error, words) : String(error)}
        </p>
      )}
    </div>
  );
}
