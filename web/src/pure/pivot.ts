/**
 * Lines of a report as a table of two dimensions, with totals that add up.
 *
 *                 openai   anthropic   total
 *       codex        4         –          4        –  there were calls, and nobody knows
 *       opencode     1         2          3           (nothing)  there were no calls
 *       total        5         2          7
 *
 * Totals are sums of the very lines that the cells are, in whole units (nano-dollars for
 * money), so they are exact whatever is shown of them.
 */

import { keyOf, type Line } from "./series";

export interface Head {
  readonly key: string | null;
  /** Whether this is all that has no row or column of its own. */
  readonly isRest: boolean;
}

/** Whole units; `null`: unknown, `undefined`: no calls. */
export type Sum = number | null | undefined;

export interface PivotRow extends Head {
  readonly cells: readonly Sum[];
  readonly total: Sum;
}

export interface Pivot {
  readonly columns: readonly Head[];
  readonly rows: readonly PivotRow[];
  /** Of the columns. */
  readonly totals: readonly Sum[];
  readonly total: Sum;
}

interface Options {
  /** How many have a row, or a column, of their own: the largest. */
  readonly rowsMax: number;
  readonly columnsMax: number;
  /** Columns are times: in their order, and all of them. */
  readonly isOverTime?: boolean;
}

export function pivotOf(
  lines: readonly Line[],
  rowBy: string,
  columnBy: string | null,
  valueOf: (line: Line) => number | null,
  { rowsMax, columnsMax, isOverTime = false }: Options,
): Pivot {
  const rowTotals = new Map<string | null, Sum>();
  const columnTotals = new Map<string | null, Sum>();
  const parts = lines.map((line) => ({
    row: keyOf(line[rowBy]),
    column: columnBy === null ? "" : keyOf(line[columnBy]),
    value: valueOf(line),
  }));
  for (const { row, column, value } of parts) {
    rowTotals.set(row, plus(rowTotals.get(row), value));
    columnTotals.set(column, plus(columnTotals.get(column), value));
  }
  const rowHeads = heads(rowTotals, rowsMax);
  const columns =
    columnBy === null ? [] : isOverTime ? inTime(columnTotals) : heads(columnTotals, columnsMax);
  const rowAt = places(rowHeads);
  const columnAt = places(columns);

  const cells = rowHeads.map((): Sum[] => columns.map(() => undefined));
  for (const { row, column, value } of parts) {
    const at = cells[placeOf(row, rowAt, rowHeads)];
    const n = placeOf(column, columnAt, columns);
    if (at !== undefined && n >= 0) at[n] = plus(at[n], value);
  }
  const rowSums = rowHeads.map(({ isRest, key }) =>
    isRest ? sumOf([...rowTotals].filter(([one]) => !rowAt.has(one))) : rowTotals.get(key),
  );
  return {
    columns,
    rows: rowHeads.map((head, n) => ({ ...head, cells: cells[n] ?? [], total: rowSums[n] })),
    totals: columns.map((_, n) => cells.map((row) => row[n]).reduce(plus, undefined)),
    total: sumOf([...rowTotals]),
  };
}

/** What is known of two sums together. */
export function plus(one: Sum, other: Sum): Sum {
  if (one === undefined) return other;
  if (one === null) return other ?? null;
  return one + (other ?? 0);
}

function sumOf(totals: readonly (readonly [string | null, Sum])[]): Sum {
  return totals.map(([, total]) => total).reduce(plus, undefined);
}

function heads(totals: ReadonlyMap<string | null, Sum>, max: number): Head[] {
  const largest = [...totals].sort(([, a], [, b]) => (b ?? -1) - (a ?? -1));
  const shown: Head[] = largest.slice(0, max).map(([key]) => ({ key, isRest: false }));
  return largest.length > max ? [...shown, { key: null, isRest: true }] : shown;
}

function inTime(totals: ReadonlyMap<string | null, Sum>): Head[] {
  return [...totals.keys()]
    .sort((a, b) => Date.parse(a ?? "") - Date.parse(b ?? ""))
    .map((key) => ({ key, isRest: false }));
}

function places(heads: readonly Head[]): Map<string | null, number> {
  return new Map(heads.flatMap(({ key, isRest }, n) => (isRest ? [] : [[key, n] as const])));
}

/** Where a key stands; with the rest if it has no place of its own. */
function placeOf(key: string | null, at: ReadonlyMap<string | null, number>, heads: readonly Head[]): number {
  return at.get(key) ?? heads.findIndex(({ isRest }) => isRest);
}

const NANO = 1e9;

/** Dollars as a report says them, in whole nano-dollars. */
export function nanoUsd(usd: unknown): number | null {
  return typeof usd === "number" ? Math.round(usd * NANO) : null;
}

export function fromNanoUsd(nano: Sum): Sum {
  return typeof nano === "number" ? nano / NANO : nano;
}
