/**
 * Calls as rows, however many: only those in view are drawn, between two rows as high as all that are not.
 *
 * A row opens its call; a value in it filters by it.  Of all rows one has its buttons in the order of the
 * Tab key; the arrow keys go from row to row.
 */

import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  memo,
  type MouseEvent,
  type ReactNode,
  type RefObject,
  useCallback,
  useEffect,
  useRef,
  useState,
} from "react";
import type { CallFilterName } from "@/pure/call-filters";
import type { Call } from "@/pure/calls";
import type { CallColumn, Pen } from "./columns";
import "./calls.css";

const ROW_PX = 32;
/** The head that stays above the rows. */
const HEAD_PX = 36;
const OVERSCAN = 10;

interface Props {
  readonly label: string;
  readonly columns: readonly CallColumn[];
  readonly count: number;
  /** A row; `undefined`: it is not there just now. */
  readonly callAt: (row: number) => Call | undefined;
  readonly pen: Pen;
  readonly pick: (id: string) => void;
  readonly filter: (name: CallFilterName, value: string) => void;
  /** The row that is open beside the list; -1: none of them. */
  readonly openRow: number;
  /** Whether the open row is to be in view. */
  readonly isFollowed?: boolean;
  readonly frame: RefObject<HTMLDivElement | null>;
  readonly onView?: (first: number, last: number) => void;
  readonly onScrolled?: (top: number) => void;
  /** What is below the last row. */
  readonly foot?: ReactNode;
}

export function CallTable({
  label,
  columns,
  count,
  callAt,
  pen,
  pick,
  filter,
  openRow,
  isFollowed = false,
  frame,
  onView,
  onScrolled,
  foot,
}: Props) {
  const [active, setActive] = useState(0);
  const isMoved = useRef(false);
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are not memoized here, either
  const rows = useVirtualizer({
    count,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    getItemKey: (row) => callAt(row)?.id ?? row,
    overscan: OVERSCAN,
    scrollPaddingStart: HEAD_PX,
  });
  const shown = rows.getVirtualItems();
  const [first, last] = [shown[0]?.index ?? 0, shown.at(-1)?.index ?? 0];
  const tabbed = active >= first && active <= last ? active : first;

  useEffect(() => onView?.(first, last), [first, last, count, onView]);
  useEffect(() => {
    if (isFollowed && openRow >= 0) rows.scrollToIndex(openRow, { align: "auto" });
  }, [isFollowed, openRow, rows]);
  useEffect(() => {
    if (!isMoved.current) return;
    const button = frame.current?.querySelector<HTMLElement>(`[data-row="${active}"] .cell-open`);
    if (!button) return;
    isMoved.current = false;
    button.focus();
  });

  const move = (event: KeyboardEvent<HTMLElement>) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[event.key];
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-row]")?.dataset.row;
    if (step === undefined || row === undefined) return;
    event.preventDefault();
    const to = Math.min(Math.max(Number(row) + step, 0), count - 1);
    isMoved.current = true;
    setActive(to);
    rows.scrollToIndex(to, { align: "auto" });
  };
  const picked = useCallback(
    (id: string, row: number) => {
      setActive(row);
      pick(id);
    },
    [pick],
  );

  const above = shown[0]?.start ?? 0;
  const below = rows.getTotalSize() - (shown.at(-1)?.end ?? 0);
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  return (
    <div
      className="calls-frame"
      ref={frame}
      role="region"
      aria-label={label}
      tabIndex={0}
      onScroll={onScrolled && ((event) => onScrolled(event.currentTarget.scrollTop))}
    >
      <table className="calls-table" style={{ minWidth: `${width}rem` }} aria-rowcount={count + 1}>
        <colgroup>
          {columns.map(({ name, width: wide }) => (
            <col key={name} style={{ width: `${wide}rem` }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ name, isNumber }) => (
              <th
                key={name}
                scope="col"
                className={isNumber ? "number" : ""}
                title={pen.words.calls.columns[name]}
              >
                {pen.words.calls.columns[name]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody onKeyDown={move}>
          {above > 0 && <Room height={above} columns={columns.length} />}
          {shown.map(({ index, key }) => {
            const call = callAt(index);
            return call === undefined ? (
              <tr key={key} style={{ height: ROW_PX }}>
                <td colSpan={columns.length} className="muted">
                  …
                </td>
              </tr>
            ) : (
              <Row
                key={key}
                call={call}
                row={index}
                columns={columns}
                pen={pen}
                isTabbed={index === tabbed}
                isOpen={index === openRow}
                pick={picked}
                filter={filter}
              />
            );
          })}
          {below > 0 && <Room height={below} columns={columns.length} />}
        </tbody>
      </table>
      {foot}
    </div>
  );
}

function Room({ height, columns }: { height: number; columns: number }) {
  return (
    <tr aria-hidden="true" className="calls-room" style={{ height }}>
      <td colSpan={columns} />
    </tr>
  );
}

interface RowProps {
  readonly call: Call;
  readonly row: number;
  readonly columns: readonly CallColumn[];
  readonly pen: Pen;
  readonly isTabbed: boolean;
  readonly isOpen: boolean;
  readonly pick: (id: string, row: number) => void;
  readonly filter: (name: CallFilterName, value: string) => void;
}

const Row = memo(function Row({ call, row, columns, pen, isTabbed, isOpen, pick, filter }: RowProps) {
  const tabIndex = isTabbed ? 0 : -1;
  const open = () => pick(call.id, row);
  return (
    <tr
      data-row={row}
      aria-rowindex={row + 2}
      aria-current={isOpen ? "true" : undefined}
      className="pickable"
      style={{ height: ROW_PX }}
      onClick={open}
    >
      {columns.map((column) => {
        const said = column.show(call, pen);
        const title = typeof said === "string" || typeof said === "number" ? String(said) : undefined;
        const [name, value] = column.filter?.(call) ?? [null, null];
        return (
          <td key={column.name} className={column.isNumber ? "number" : ""} title={title}>
            {column.name === "time" ? (
              <button
                type="button"
                className="cell-open"
                tabIndex={tabIndex}
                aria-label={pen.words.calls.open(title ?? "")}
              >
                {said}
              </button>
            ) : name !== null && value !== null ? (
              <button
                type="button"
                className="cell-filter"
                tabIndex={tabIndex}
                title={pen.words.calls.only(
                  pen.words.calls.columns[column.name],
                  title ?? pen.nameOf("outcome", value),
                )}
                onClick={(event: MouseEvent) => {
                  event.stopPropagation();
                  filter(name, value);
                }}
              >
                {said}
              </button>
            ) : (
              said
            )}
          </td>
        );
      })}
    </tr>
  );
});
