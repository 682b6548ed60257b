import { Link } from "@tanstack/react-router";
import type { Project } from "@/api/all";
import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Badge } from "@/parts/badge";
import { Dialog } from "@/parts/dialog";
import { LimitsOf } from "@/pages/limits/limits-of";

interface Props {
  readonly of: Project;
  readonly keys: number;
  readonly showKeys: () => void;
  readonly close: () => void;
}

/** A project, its limits, and the way to its keys and calls. */
export function ProjectDrawer({ of, keys, showKeys, close }: Props) {
  const { keys: words } = useWords();
  const format = useFormat();
  return (
    <Dialog title={of.name} isDrawer close={close}>
      <div className="stack">
        <p className="row">
          <Badge tone={of.is_active ? "good" : "plain"}>{of.is_active ? words.active : words.archived}</Badge>
          <button type="button" className="link" onClick={showKeys}>
            {words.itsKeys(format.count(keys))}
          </button>
          <Link to="/calls" search={{ project: of.id, range: "1mo" } as never}>
            {words.itsCalls}
          </Link>
        </p>
        <dl className="facts">
          <dt>{words.created}</dt>
          <dd>{format.moment(of.created_at)}</dd>
          {of.archived_at !== null && (
            <>
              <dt>{words.archived}</dt>
              <dd>{format.moment(of.archived_at)}</dd>
            </>
          )}
          <dt>id</dt>
          <dd className="mono">{of.id}</dd>
        </dl>
        <LimitsOf kind="project" id={of.id} name={of.name} />
      </div>
    </Dialog>
  );
}
