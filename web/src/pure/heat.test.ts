import { describe, expect, it } from "vitest";
import { heatOf } from "./heat";
import { DAY_MS, HOUR_MS } from "./range";

const MONDAY = Date.parse("2026-03-02T00:00:00Z");
const at = (ms: number) => new Date(ms).toISOString();
const TWO_WEEKS = { from: MONDAY, to: MONDAY + 14 * DAY_MS };

describe("an average week", () => {
  it("has the mean of each hour, hours without calls counted", () => {
    const lines = [{ start: at(MONDAY + 9 * HOUR_MS), calls: 10 }];
    const { cells, most } = heatOf(lines, "calls", TWO_WEEKS, "UTC");
    expect(cells[0]?.[9]).toEqual({ total: 10, hours: 2, average: 5 });
    expect(cells[1]?.[9]).toEqual({ total: 0, hours: 2, average: 0 });
    expect(most).toBe(5);
  });
  it("is on the clocks of the zone", () => {
    const lines = [{ start: at(MONDAY + 23 * HOUR_MS), calls: 1 }];
    const { cells } = heatOf(lines, "calls", TWO_WEEKS, "Europe/Berlin");
    expect(cells[1]?.[0]?.total).toBe(1);
  });
  it("knows nothing of hours that the range does not have", () => {
    const { cells } = heatOf([], "calls", { from: MONDAY, to: MONDAY + HOUR_MS }, "UTC");
    expect(cells[0]?.[0]?.average).toBe(0);
    expect(cells[0]?.[1]?.average).toBeNull();
  });
  it("adds up what is less than an hour wide, and counts a part of an hour as a part", () => {
    const from = MONDAY + HOUR_MS / 2;
    const lines = [0, 5, 25].map((minute) => ({ start: at(from + minute * 60_000), calls: 2 }));
    const { cells } = heatOf(lines, "calls", { from, to: MONDAY + HOUR_MS }, "UTC");
    expect(cells[0]?.[0]).toEqual({ total: 6, hours: 0.5, average: 12 });
  });
  it("is unknown where calls have no figure", () => {
    const lines = [{ start: at(MONDAY), cost_usd: null }];
    expect(heatOf(lines, "cost_usd", TWO_WEEKS, "UTC").cells[0]?.[0]?.average).toBeNull();
  });
  it("has all the calls of a month in which the clocks change", () => {
    const range = { from: Date.parse("2026-03-15T00:00:00Z"), to: Date.parse("2026-04-14T00:00:00Z") };
    const hours = (range.to - range.from) / HOUR_MS;
    const lines = Array.from({ length: hours }, (_, n) => ({
      start: at(range.from + n * HOUR_MS),
      calls: 1,
    }));
    const all = heatOf(lines, "calls", range, "America/New_York").cells.flat();
    expect(all.reduce((sum, { total }) => sum + (total ?? 0), 0)).toBe(hours);
    expect(all.reduce((sum, cell) => sum + cell.hours, 0)).toBe(hours);
  });
});
