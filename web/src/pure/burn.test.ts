import { describe, expect, it } from "vitest";
import { type Budget, burnOf, windowAt } from "./burn";
import { DAY_MS, HOUR_MS } from "./range";

const NOW = Date.parse("2026-03-11T00:00:00Z");
const a = (some: Partial<Budget>): Budget => ({
  window: "month",
  zone: "UTC",
  sliding: false,
  used: 10,
  left: 90,
  madeAt: Date.parse("2026-01-01T00:00:00Z"),
  ...some,
});

describe("a budget of a month, ten days into it", () => {
  it("lasts if its rate brings it to the end", () => {
    expect(burnOf(a({}), NOW)).toEqual({ rate: 1, state: "lasts", at: null });
  });
  it("ends when what is left is used at the present rate", () => {
    expect(burnOf(a({ used: 50, left: 50 }), NOW)).toEqual({ rate: 5, state: "ends", at: NOW + 10 * DAY_MS });
  });
  it("is spent when nothing is left", () => {
    expect(burnOf(a({ used: 100, left: 0 }), NOW)).toEqual({ rate: 10, state: "spent", at: null });
  });
  it("lasts while nothing is used", () => {
    expect(burnOf(a({ used: 0, left: 100 }), NOW)).toEqual({ rate: 0, state: "lasts", at: null });
  });
});

describe("a rate", () => {
  it("is unknown at the very beginning of a window", () => {
    const early = Date.parse("2026-03-01T01:00:00Z");
    expect(burnOf(a({ used: 9 }), early)).toEqual({ rate: null, state: "unknown", at: null });
  });
  it("of a budget without end is since it was made, and it ends some day", () => {
    const made = NOW - 10 * DAY_MS;
    expect(burnOf(a({ window: "total", madeAt: made }), NOW)).toEqual({
      rate: 1,
      state: "ends",
      at: NOW + 90 * DAY_MS,
    });
  });
  it("of a sliding window says nothing of its end: what is used comes back", () => {
    expect(burnOf(a({ window: "day", sliding: true }), NOW)).toEqual({
      rate: 10,
      state: "unknown",
      at: null,
    });
  });
});

describe("a window", () => {
  it("goes with the calendar of its own zone", () => {
    const zone = "America/New_York";
    expect(windowAt(a({ zone }), NOW).since).toBe(Date.parse("2026-03-01T05:00:00Z"));
    expect(windowAt(a({ zone }), NOW).until).toBe(Date.parse("2026-04-01T04:00:00Z"));
    expect(windowAt(a({ window: "week" }), NOW).since).toBe(Date.parse("2026-03-09T00:00:00Z"));
    expect(windowAt(a({ window: "hour" }), NOW + 1)).toEqual({ since: NOW, until: NOW + HOUR_MS });
  });
});
