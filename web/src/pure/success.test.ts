import { expect, it } from "vitest";
import { successOf, successRate } from "./success";

it.each([
  [10, 10, "all"],
  [99_999, 100_000, "nearly"],
  [9, 10, "nearly"],
  [89, 100, "most"],
  [8, 10, "most"],
  [79, 100, "few"],
  [0, 1, "few"],
  [0, 0, null],
] as const)("%d of %d calls are %s", (completed, calls, said) => {
  expect(successOf(completed, calls)).toBe(said);
});

it("a rate is never rounded up to all", () => {
  expect(successRate(99_999, 100_000)).toBe(0.999);
  expect(successRate(2, 3)).toBe(0.667);
  expect(successRate(3, 3)).toBe(1);
  expect(successRate(0, 0)).toBeNull();
});
