import { describe, expect, it } from "vitest";
import { startOfDay } from "./clock";
import { forecastOf, historyFrom } from "./forecast";
import { DAY_MS } from "./range";

// A Wednesday: March 2026 has 14 days left after it.
const NOON = Date.parse("2026-03-18T00:00:00Z");
const EVER = Date.parse("2025-01-01T00:00:00Z");

/** A line for each of the days before, the last of them yesterday. */
function daysOf(count: number, costOn: (start: number) => number | null, zone = "UTC", now = NOON) {
  return Array.from({ length: count }, (_, n) => startOfDay(now, zone, n - count)).map((start) => ({
    start: new Date(start).toISOString(),
    cost_usd: costOn(start),
  }));
}

describe("a forecast", () => {
  it("is what was spent and as much again for each day that is left", () => {
    const found = forecastOf(
      daysOf(60, () => 10),
      NOON,
      "UTC",
      EVER,
    );
    expect(found.spent).toBe(170);
    expect(found.expected).toBeCloseTo(310, 9);
    expect(found).toMatchObject({ method: "weekdays", days: 56 });
  });
  it("knows that weekends are quiet", () => {
    const isWeekend = (start: number) => [0, 6].includes(new Date(start).getUTCDay());
    const found = forecastOf(
      daysOf(60, (start) => (isWeekend(start) ? 0 : 10)),
      NOON,
      "UTC",
      EVER,
    );
    // From the 18th on there are ten working days.
    expect(found.expected).toBeCloseTo((found.spent ?? 0) + 100, 9);
  });
  it("counts of today only what is left of it", () => {
    const lines = [...daysOf(60, () => 10), { start: new Date(NOON).toISOString(), cost_usd: 7 }];
    const found = forecastOf(lines, NOON + DAY_MS / 4, "UTC", EVER);
    expect(found.expected).toBeCloseTo(170 + 7 + 7.5 + 130, 9);
  });
  it("takes all weekdays alike after one week, and says nothing before", () => {
    const some = forecastOf(
      daysOf(8, (start) => (start > NOON - 2 * DAY_MS ? 14 : 0)),
      NOON,
      "UTC",
      null,
    );
    expect(some).toMatchObject({ method: "mean", days: 7 });
    expect(some.expected).toBeCloseTo(14 + 14 * 2, 9);
    expect(
      forecastOf(
        daysOf(7, () => 1),
        NOON,
        "UTC",
        null,
      ),
    ).toMatchObject({
      spent: 7,
      expected: null,
      method: null,
      days: 6,
    });
  });
  it("takes a day without calls for one on which nothing was spent", () => {
    const lines = daysOf(60, () => 10).filter((_, n) => n % 2 === 0);
    const found = forecastOf(lines, NOON, "UTC", EVER);
    expect(found.days).toBe(56);
    expect(found.expected).toBeCloseTo((found.spent ?? 0) + 14 * 5, 9);
  });
  it("of nothing is nothing spent, and nothing said", () => {
    expect(forecastOf([], NOON, "UTC", null)).toEqual({
      spent: 0,
      expected: null,
      method: null,
      days: 0,
      lastMonth: null,
    });
  });
  it("is unknown where no call has a price", () => {
    const found = forecastOf(
      daysOf(20, () => null),
      NOON,
      "UTC",
      EVER,
    );
    expect([found.spent, found.expected]).toEqual([null, null]);
  });
  it("goes by the days of the zone, whose clocks may change within the month", () => {
    const zone = "Europe/Berlin";
    const now = startOfDay(NOON, zone);
    const found = forecastOf(
      daysOf(60, () => 10, zone, now),
      now,
      zone,
      EVER,
    );
    expect(found.spent).toBe(170);
    expect(found.expected).toBeCloseTo(310, 9);
  });
});

describe("the month before", () => {
  it("is known if the books have all of it", () => {
    const lines = daysOf(60, () => 10);
    expect(forecastOf(lines, NOON, "UTC", EVER).lastMonth).toBe(280);
    expect(forecastOf(lines, NOON, "UTC", Date.parse("2026-02-01T08:00:00Z")).lastMonth).toBeNull();
  });
  it("is asked for as well", () => {
    expect(historyFrom(NOON, "UTC")).toBe(Date.parse("2026-01-21T00:00:00Z"));
    expect(historyFrom(Date.parse("2026-03-31T12:00:00Z"), "UTC")).toBe(Date.parse("2026-02-01T00:00:00Z"));
  });
});
