import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import type { PageOfRows } from "@/pure/pages";
import { Button } from "./button";

/** Which rows are shown, and the way to those before and after; nothing where all are. */
export function Pager({
  page,
  count,
  go,
}: {
  page: PageOfRows;
  count: number;
  go: (number: number) => void;
}) {
  const { pager: words } = useWords().app;
  const format = useFormat();
  if (page.pages === 1) return null;
  return (
    <nav className="row pager" aria-label={words.label}>
      <Button className="small" disabled={page.number === 0} onClick={() => go(page.number - 1)}>
        {words.before}
      </Button>
      <Button className="small" disabled={page.number === page.pages - 1} onClick={() => go(page.number + 1)}>
        {words.next}
      </Button>
      <span className="muted" role="status">
        {words.shown(format.count(page.from + 1), format.count(page.to), format.count(count))}
      </span>
    </nav>
  );
}
