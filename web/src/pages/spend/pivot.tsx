/** Cost, calls or tokens by any two dimensions; a click on a row or a column filters the page by it. */

import { useMemo, useState } from "react";
import { useAsked } from "@/api/hooks";
import { type ReportLine, useReport } from "@/api/report";
import { useFilters } from "@/app/filters";
import { MEASURES, useMeasure } from "@/app/measure";
import { useNames } from "@/app/names";
import { useWords } from "@/app/preferences";
import { useFormat, useUrl, useView } from "@/app/view";
import { Button } from "@/parts/button";
import { Choice } from "@/parts/choice";
import { Card } from "@/parts/page";
import { Segments } from "@/parts/segments";
import { Answered, Empty } from "@/parts/states";
import { type Dimension, DIMENSIONS, dimensionOf, valueOf } from "@/pure/filters";
import type { Format } from "@/pure/format";
import { fromNanoUsd, type Head, nanoUsd, type Pivot, pivotOf, type Sum } from "@/pure/pivot";
import { DAY_MS } from "@/pure/range";
import type { Line } from "@/pure/series";

const TIMES = ["day", "week", "month"] as const;
type Time = (typeof TIMES)[number];
const COLUMNS = ["none", ...DIMENSIONS, ...TIMES] as const;
type ColumnsBy = (typeof COLUMNS)[number];

const ROWS_MAX = 200;
const COLUMNS_MAX = 12;
/** Of columns that are days. */
const DAYS_MAX = 62;
const NO_LINES: readonly Line[] = [];

export function PivotCard() {
  const words = useWords();
  const format = useFormat();
  const [search, change] = useUrl();
  const [measure, setMeasure] = useMeasure();
  const { range, zone } = useView();
  const { filters } = useFilters();
  const said = words.spend.pivot;

  // Where nobody has a project, all would be one row.
  const projects = useAsked("/admin/projects", { query: { limit: 1 } }, { refetchInterval: false });
  const usual = projects.data?.projects.length === 0 ? "tool" : "project";
  const rows: Dimension = dimensionOf(search.rows, usual);
  const asked: ColumnsBy = COLUMNS.find((one) => one === search.cols) ?? "model";
  const isTooLong = range.to - range.from > DAYS_MAX * DAY_MS;
  const columns: ColumnsBy = asked === rows ? "none" : asked === "day" && isTooLong ? "week" : asked;
  const time = TIMES.find((one) => one === columns);
  const by = time !== undefined || columns === "none" ? [rows] : [rows, columns as Dimension];
  const report = useReport({ range, zone, filters, by, interval: time });

  const lines: readonly Line[] = report.data?.lines ?? NO_LINES;
  const table = useMemo(
    () =>
      pivotOf(
        lines,
        rows,
        columns === "none" ? null : time === undefined ? columns : "start",
        measure.figure === "cost_usd"
          ? (line) => nanoUsd(line.cost_usd)
          : (line) => (line as unknown as ReportLine)[measure.figure],
        { rowsMax: ROWS_MAX, columnsMax: COLUMNS_MAX, isOverTime: time !== undefined },
      ),
    [lines, rows, columns, time, measure.figure],
  );
  const nameOf = (one: ColumnsBy) =>
    one === "none" ? said.noColumns : isTime(one) ? said[one] : words.app.dimensions[one];
  const say = (sum: Sum) => {
    if (sum === undefined) return "";
    return measure.figure === "cost_usd" ? format.usd(fromNanoUsd(sum)) : format.count(sum);
  };
  const sayExact = (sum: Sum) =>
    measure.figure === "cost_usd" && typeof sum === "number" ? format.usdExact(fromNanoUsd(sum)) : undefined;
  const label = said.label(words.overview.measure[measure.name], words.app.dimensions[rows], nameOf(columns));
  return (
    <Card
      title={said.title}
      actions={
        <>
          <Segments
            label={words.overview.measure.label}
            names={MEASURES}
            picked={measure.name}
            sayOf={(name) => words.overview.measure[name]}
            pick={setMeasure}
          />
          <Choice
            label={said.rows}
            names={DIMENSIONS}
            picked={rows}
            sayOf={(name) => words.app.dimensions[name]}
            pick={(name) => change({ rows: name }, { replace: true })}
          />
          <Choice
            label={said.columns}
            names={COLUMNS}
            picked={columns}
            sayOf={nameOf}
            isOff={(name) => name === rows || (name === "day" && isTooLong)}
            pick={(name) => change({ cols: name }, { replace: true })}
          />
          <Button
            className="small"
            disabled={columns === "none" || isTime(columns)}
            onClick={() => change({ rows: columns, cols: rows }, { replace: true })}
          >
            {said.swap}
          </Button>
        </>
      }
    >
      <Answered query={report}>
        {() =>
          table.rows.length === 0 ? (
            <Empty title={words.overview.empty.title} />
          ) : (
            <>
              <PivotTable {...{ table, label, rows, columns, say, sayExact }} />
              <p className="muted hint">
                {asked === "day" && isTooLong && `${said.daysToWeeks} `}
                {said.note}
              </p>
            </>
          )
        }
      </Answered>
    </Card>
  );
}

interface TableProps {
  readonly table: Pivot;
  readonly label: string;
  readonly rows: Dimension;
  readonly columns: ColumnsBy;
  readonly say: (sum: Sum) => string;
  readonly sayExact: (sum: Sum) => string | undefined;
}

/** Sorted by the column that was clicked last; by the total at first. */
function PivotTable({ table, label, rows, columns, say, sayExact }: TableProps) {
  const words = useWords();
  const format = useFormat();
  const names = useNames();
  const { filters, toggle } = useFilters();
  const said = words.spend.pivot;
  const [sorted, setSorted] = useState<{ column: number; isRising: boolean }>({
    column: -1,
    isRising: false,
  });
  const inOrder = useMemo(() => {
    const of = (row: Pivot["rows"][number]) =>
      (sorted.column < 0 ? row.total : row.cells[sorted.column]) ?? -1;
    return table.rows.toSorted((a, b) => {
      // What has no row of its own is last, however much it is.
      if (a.isRest !== b.isRest) return Number(a.isRest) - Number(b.isRest);
      return sorted.isRising ? of(a) - of(b) : of(b) - of(a);
    });
  }, [table, sorted]);
  const nameOf = (by: Dimension, { key, isRest }: Head) => (isRest ? words.app.other : names(by, key));
  const columnName = (head: Head) =>
    isTime(columns) || columns === "none" ? periodOf(head.key, columns, format) : nameOf(columns, head);
  const sorter = (column: number, name: string) => (
    <button
      type="button"
      onClick={() => setSorted({ column, isRising: sorted.column === column && !sorted.isRising })}
    >
      {name}
      <span aria-hidden="true">{sorted.column === column ? (sorted.isRising ? " ↑" : " ↓") : ""}</span>
    </button>
  );
  const orderOf = (column: number) =>
    sorted.column !== column ? undefined : sorted.isRising ? ("ascending" as const) : ("descending" as const);
  const cell = (sum: Sum, key: string | number) => (
    <td key={key} className="number" title={sayExact(sum)}>
      {say(sum)}
    </td>
  );
  return (
    <div className="table-frame pivot" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.app.dimensions[rows]}</th>
            <th scope="col" className="number" aria-sort={orderOf(-1)}>
              {sorter(-1, said.total)}
            </th>
            {table.columns.map((head, n) => (
              <th key={n} scope="col" className="number" aria-sort={orderOf(n)}>
                {sorter(n, columnName(head))}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {inOrder.map((row) => (
            <tr key={row.isRest ? "" : valueOf(row.key)}>
              <th scope="row">
                {row.isRest ? (
                  words.app.other
                ) : (
                  <button
                    type="button"
                    aria-pressed={filters[rows] === valueOf(row.key)}
                    onClick={() => toggle(rows, row.key)}
                  >
                    {nameOf(rows, row)}
                  </button>
                )}
              </th>
              {cell(row.total, "total")}
              {row.cells.map((sum, n) => cell(sum, n))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{said.total}</th>
            {cell(table.total, "total")}
            {table.totals.map((sum, n) => cell(sum, n))}
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

function isTime(columns: ColumnsBy): columns is Time {
  return TIMES.some((one) => one === columns);
}

function periodOf(
  start: string | null,
  period: Time | "none",
  format: Pick<Format, "shortDay" | "month">,
): string {
  return period === "month" ? format.month(start) : format.shortDay(start);
}
