/** What is below the last row: whether there is more, and how to get there. */

import { useWords } from "@/app/preferences";
import { useFormat } from "@/app/view";
import { Button } from "@/parts/button";
import { Failure } from "@/parts/states";
import { beganAt } from "@/pure/calls";
import { countOf, rowAt } from "@/pure/paged";
import type { Standing } from "./call-list";

interface Props {
  readonly standing: Standing;
  readonly again: () => void;
  readonly goOn: (before: string) => void;
}

export function Foot({ standing, again, goOn }: Props) {
  const words = useWords();
  const format = useFormat();
  const { paged, isLoading, error, isTired, isFull, searchedTo } = standing;
  if (error !== null) return <Failure error={error} again={again} />;
  const searched = searchedTo === null ? "" : format.moment(beganAt(searchedTo));
  const count = countOf(paged);
  const last = rowAt(paged, count - 1);
  return (
    <p className="calls-foot muted" role="status">
      {isFull ? (
        <>
          {words.calls.list.full(format.count(count))}{" "}
          {last !== undefined && <Button onClick={() => goOn(last.id)}>{words.calls.list.goOn}</Button>}
        </>
      ) : isTired ? (
        <>
          {words.calls.list.paused(searched)} <Button onClick={again}>{words.calls.list.further}</Button>
        </>
      ) : isLoading ? (
        searched === "" ? (
          words.calls.list.loading
        ) : (
          words.calls.list.searched(searched)
        )
      ) : paged.next === null ? (
        words.calls.list.end
      ) : null}
    </p>
  );
}
