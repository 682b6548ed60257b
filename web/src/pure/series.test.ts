import { describe, expect, it } from "vitest";
import { HOUR_MS } from "./range";
import { isAlone, seriesOf, timesOf } from "./series";

const T0 = Date.parse("2026-03-01T00:00:00Z");
const at = (hour: number) => new Date(T0 + hour * HOUR_MS).toISOString();
const RANGE = { from: T0, to: T0 + 3 * HOUR_MS };

describe("the times of a chart", () => {
  it("have every hour, whether it has calls or not", () => {
    expect(timesOf([{ start: at(2) }], RANGE, "hour")).toEqual([T0, T0 + HOUR_MS, T0 + 2 * HOUR_MS]);
  });
  it("begin where the range does, in the middle of an hour", () => {
    const range = { from: T0 + HOUR_MS / 2, to: T0 + 2 * HOUR_MS };
    expect(timesOf([], range, "hour")).toEqual([T0 + HOUR_MS / 2, T0 + HOUR_MS]);
  });
  it("of days are those that the report says: days are not equally long", () => {
    expect(timesOf([{ start: at(24) }, { start: at(0) }, { start: at(24) }], RANGE, "day")).toEqual([
      T0,
      T0 + 24 * HOUR_MS,
    ]);
  });
});

describe("series", () => {
  const times = timesOf([], RANGE, "hour");
  const lines = [
    { start: at(0), model: "a", cost_usd: 2 },
    { start: at(1), model: "a", cost_usd: null },
    { start: at(0), model: "b", cost_usd: 5 },
    { start: at(0), model: null, cost_usd: 1 },
    { start: at(2), model: "c", cost_usd: 0.5 },
  ];
  it("begin with the largest, and what nobody said is one of them", () => {
    const { series } = seriesOf(lines, times, "model", "cost_usd");
    expect(series.map(({ key, total }) => [key, total])).toEqual([
      ["b", 5],
      ["a", 2],
      [null, 1],
      ["c", 0.5],
    ]);
  });
  it("are unknown where calls have no figure, and nothing where there are no calls", () => {
    const { series } = seriesOf(lines, times, "model", "cost_usd");
    expect(series.find(({ key }) => key === "a")?.values).toEqual([2, null, 0]);
  });
  it("beyond the most that are shown are one, and nothing is lost", () => {
    const { series } = seriesOf(lines, times, "model", "cost_usd", 2);
    expect(series.map(({ isRest, values }) => [isRest, values])).toEqual([
      [false, [5, 0, 0]],
      [false, [2, null, 0]],
      [true, [1, 0, 0.5]],
    ]);
  });
});

it("a value is alone where those beside it are unknown", () => {
  const values = [1, null, 0, null, 2, 3];
  expect(values.map((_, n) => isAlone(values, n))).toEqual([true, false, true, false, false, false]);
});
