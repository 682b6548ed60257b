import { expect, it } from "vitest";
import { figuresOf } from "./figures";

const start = (hour: number) => `2026-03-01T0${hour}:00:00.000Z`;
const TIMES = [0, 1, 2].map((hour) => Date.parse(start(hour)));
const LINES = [
  { start: start(0), p50: 10, calls: 3 },
  { start: start(2), p50: null, calls: 1 },
];

it("figures are unknown where there are no calls, and where nobody said them", () => {
  const { series } = figuresOf(LINES, TIMES, [(line) => line.p50]);
  expect(series[0]?.values).toEqual([10, null, null]);
});

it("sums are nothing where there are no calls", () => {
  const { series } = figuresOf(LINES, TIMES, [(line) => line.calls], 0);
  expect(series[0]).toMatchObject({ values: [3, 0, 1], total: 4 });
});
