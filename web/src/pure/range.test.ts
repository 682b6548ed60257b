import { describe, expect, it } from "vitest";
import { before, DAY_MS, HOUR_MS, intervalOf, LONGEST_MS, rangeOf } from "./range";

const NOW = Date.parse("2026-03-01T12:00:10Z");

describe("a range", () => {
  it("of a preset ends at the next half minute, so that pages share answers", () => {
    const first = rangeOf({ range: "1h" }, NOW, null);
    const second = rangeOf({ range: "1h" }, NOW + 15_000, null);
    expect(first).toEqual(second);
    expect(first).toEqual({
      from: Date.parse("2026-03-01T11:00:30Z"),
      to: Date.parse("2026-03-01T12:00:30Z"),
    });
  });
  it("of all time begins with the hour of the first call", () => {
    const since = Date.parse("2026-02-01T08:20:00Z");
    expect(rangeOf({ range: "all" }, NOW, since).from).toBe(Date.parse("2026-02-01T08:00:00Z"));
  });
  it("is never longer than a report may be", () => {
    const all = rangeOf({ range: "all" }, NOW, 0);
    expect(all.to - all.from).toBe(LONGEST_MS);
    const custom = rangeOf({ range: "custom", from: "2020-01-01", to: "2026-01-01" }, NOW, null);
    expect(custom.to - custom.from).toBe(LONGEST_MS);
  });
  it("of one's own that cannot be read is the last day", () => {
    for (const asked of [
      { range: "custom" as const },
      { range: "custom" as const, from: "yesterday", to: "today" },
      { range: "custom" as const, from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z" },
    ]) {
      const range = rangeOf(asked, NOW, null);
      expect(range.to - range.from).toBe(DAY_MS);
    }
  });
  it("before another is as long and ends where that begins", () => {
    expect(before({ from: 100, to: 130 })).toEqual({ from: 70, to: 100 });
  });
});

describe("an interval", () => {
  it.each([
    [1 * HOUR_MS, "minute"],
    [6 * HOUR_MS, "5min"],
    [12 * HOUR_MS, "5min"],
    [1 * DAY_MS, "hour"],
    [7 * DAY_MS, "hour"],
    [30 * DAY_MS, "day"],
    [366 * DAY_MS, "week"],
  ] as const)("of a range of %d ms is a %s", (length, interval) => {
    expect(intervalOf({ from: 0, to: length })).toBe(interval);
  });
});
