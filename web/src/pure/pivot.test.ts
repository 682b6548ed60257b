import { describe, expect, it } from "vitest";
import { fromNanoUsd, nanoUsd, pivotOf, plus } from "./pivot";

const ALL = { rowsMax: 100, columnsMax: 100 };
const usd = (line: Readonly<Record<string, unknown>>) => nanoUsd(line.cost_usd);
const LINES = [
  { tool: "codex", provider: "openai", cost_usd: 4 },
  { tool: "codex", provider: "anthropic", cost_usd: null },
  { tool: "opencode", provider: "openai", cost_usd: 1 },
  { tool: "opencode", provider: "anthropic", cost_usd: 2 },
  { tool: null, provider: "openai", cost_usd: 0.5 },
];

describe("a pivot", () => {
  it("has the largest row and column first, and what nobody said among them", () => {
    const { rows, columns } = pivotOf(LINES, "tool", "provider", usd, ALL);
    expect(rows.map(({ key }) => key)).toEqual(["codex", "opencode", null]);
    expect(columns.map(({ key }) => key)).toEqual(["openai", "anthropic"]);
  });
  it("tells what is unknown from where there are no calls", () => {
    const { rows } = pivotOf(LINES, "tool", "provider", usd, ALL);
    expect(rows[0]?.cells).toEqual([4e9, null]);
    expect(rows[2]?.cells).toEqual([0.5e9, undefined]);
  });
  it("adds up along both ways", () => {
    const { rows, totals, total } = pivotOf(LINES, "tool", "provider", usd, ALL);
    expect(rows.map((row) => row.total)).toEqual([4e9, 3e9, 0.5e9]);
    expect(totals).toEqual([5.5e9, 2e9]);
    expect(total).toBe(7.5e9);
  });
  it("loses nothing of what has no row or column of its own", () => {
    const small = pivotOf(LINES, "tool", "provider", usd, { rowsMax: 1, columnsMax: 1 });
    expect(small.rows.map(({ isRest, cells, total }) => [isRest, cells, total])).toEqual([
      [false, [4e9, null], 4e9],
      [true, [1.5e9, 2e9], 3.5e9],
    ]);
    expect(small.totals).toEqual([5.5e9, 2e9]);
    expect(small.total).toBe(7.5e9);
  });
  it("of one dimension has totals alone", () => {
    const { columns, rows, total } = pivotOf(LINES, "provider", null, usd, ALL);
    expect(columns).toEqual([]);
    expect(rows.map((row) => [row.key, row.cells, row.total])).toEqual([
      ["openai", [], 5.5e9],
      ["anthropic", [], 2e9],
    ]);
    expect(total).toBe(7.5e9);
  });
  it("over time is in the order of time, and whole", () => {
    const lines = [3, 1, 2].map((day) => ({
      tool: "codex",
      start: `2026-03-0${day}T00:00:00.000Z`,
      cost_usd: day,
    }));
    const { columns } = pivotOf(lines, "tool", "start", usd, { rowsMax: 1, columnsMax: 1, isOverTime: true });
    expect(columns.map(({ key }) => key?.slice(8, 10))).toEqual(["01", "02", "03"]);
  });
  it("of nothing is empty", () => {
    expect(pivotOf([], "tool", "provider", usd, ALL)).toEqual({
      columns: [],
      rows: [],
      totals: [],
      total: undefined,
    });
  });
  it("adds up to the nano-dollar, where adding dollars does not", () => {
    const lines = Array.from({ length: 3000 }, (_, n) => ({
      tool: `t${n % 7}`,
      model: `m${n % 11}`,
      cost_usd: 0.1,
    }));
    const { total, totals, rows } = pivotOf(lines, "tool", "model", usd, ALL);
    expect(total).toBe(300_000_000_000);
    expect(totals.reduce(plus, undefined)).toBe(total);
    expect(rows.map((row) => row.total).reduce(plus, undefined)).toBe(total);
    expect(lines.reduce((sum, { cost_usd }) => sum + cost_usd, 0)).not.toBe(300);
    expect(fromNanoUsd(total)).toBe(300);
  });
});
