/** A table that sorts by a click on the name of a column, and shows long lists page by page. */

import { type ReactNode, useMemo, useState } from "react";
import { pageOf } from "@/pure/pages";
import { Pager } from "./pager";

/** So many rows a browser lays out at once without anybody noticing. */
const ROWS_MAX = 50;

export interface Column<Row> {
  readonly name: string;
  readonly show: (row: Row) => ReactNode;
  /** What it is sorted by; without one it is not.  What is unknown comes last. */
  readonly by?: (row: Row) => number | string | null | undefined;
  readonly isNumber?: boolean;
}

interface Props<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
  /** The column that it is sorted by at first, as the rows come without one; largest first. */
  readonly sorted?: number;
  readonly onPick?: (row: Row) => void;
}

export function Table<Row>({ label, columns, rows, keyOf, sorted, onPick }: Props<Row>) {
  const [order, setOrder] = useState<{ column: number; isRising: boolean } | null>(
    sorted === undefined ? null : { column: sorted, isRising: false },
  );
  const by = order === null ? undefined : columns[order.column]?.by;
  const shown = useMemo(
    () => (by === undefined || order === null ? rows : inOrder(rows, by, order.isRising)),
    [rows, by, order],
  );
  const [wanted, setWanted] = useState(0);
  const page = pageOf(shown.length, ROWS_MAX, wanted);
  return (
    <>
      <div className="table-frame" role="region" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map((column, n) => (
                <th
                  key={column.name}
                  scope="col"
                  className={column.isNumber ? "number" : ""}
                  aria-sort={order?.column === n ? (order.isRising ? "ascending" : "descending") : undefined}
                >
                  {column.by ? (
                    <button
                      type="button"
                      onClick={() => {
                        // The largest figures first, and names from A.
                        const isRising = order?.column === n ? !order.isRising : !column.isNumber;
                        setOrder({ column: n, isRising });
                        setWanted(0);
                      }}
                    >
                      {column.name}
                      <span aria-hidden="true">
                        {order?.column === n ? (order.isRising ? " ↑" : " ↓") : ""}
                      </span>
                    </button>
                  ) : (
                    column.name
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.slice(page.from, page.to).map((row) => (
              <tr
                key={keyOf(row)}
                onClick={onPick && (() => onPick(row))}
                className={onPick ? "pickable" : ""}
              >
                {columns.map((column) => (
                  <td key={column.name} className={column.isNumber ? "number" : ""}>
                    {column.show(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager page={page} count={shown.length} go={setWanted} />
    </>
  );
}

function inOrder<Row>(
  rows: readonly Row[],
  by: (row: Row) => number | string | null | undefined,
  isRising: boolean,
): readonly Row[] {
  const way = isRising ? 1 : -1;
  return rows.toSorted((a, b) => {
    const [x, y] = [by(a) ?? null, by(b) ?? null];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return (
      way * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)))
    );
  });
}
