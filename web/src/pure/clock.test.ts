import { describe, expect, it } from "vitest";
import { clockAt, startOfDay, startOfMonth, startOfWeek } from "./clock";

const at = (text: string) => Date.parse(text);
const BERLIN = "Europe/Berlin";

describe("the clocks of a zone", () => {
  it("show its own hour and weekday", () => {
    const ms = at("2026-03-01T23:30:00Z");
    expect(clockAt(ms, "UTC")).toEqual({ year: 2026, month: 3, day: 1, hour: 23, weekday: 6 });
    expect(clockAt(ms, BERLIN)).toEqual({ year: 2026, month: 3, day: 2, hour: 0, weekday: 0 });
    expect(clockAt(ms, "Asia/Kolkata").hour).toBe(5);
  });
});

describe("a day", () => {
  it("begins at midnight there", () => {
    expect(startOfDay(at("2026-03-01T12:00:00Z"), BERLIN)).toBe(at("2026-02-28T23:00:00Z"));
    expect(startOfDay(at("2026-03-01T12:00:00Z"), "UTC", -1)).toBe(at("2026-02-28T00:00:00Z"));
  });
  it("has 23 hours when the clocks go forward, and 25 when they go back", () => {
    const spring = at("2026-03-29T12:00:00Z");
    expect(startOfDay(spring, BERLIN)).toBe(at("2026-03-28T23:00:00Z"));
    expect(startOfDay(spring, BERLIN, 1)).toBe(at("2026-03-29T22:00:00Z"));
    const autumn = at("2026-10-25T12:00:00Z");
    expect(startOfDay(autumn, BERLIN, 1) - startOfDay(autumn, BERLIN)).toBe(25 * 3_600_000);
  });
  it("of a zone far off may be another date", () => {
    expect(startOfDay(at("2026-03-01T12:00:00Z"), "Pacific/Auckland")).toBe(at("2026-03-01T11:00:00Z"));
    expect(startOfDay(at("2026-03-01T05:00:00Z"), "America/New_York")).toBe(at("2026-03-01T05:00:00Z"));
  });
});

describe("weeks and months", () => {
  it("begin on a Monday", () => {
    expect(startOfWeek(at("2026-03-01T12:00:00Z"), "UTC")).toBe(at("2026-02-23T00:00:00Z"));
    expect(startOfWeek(at("2026-02-23T00:00:00Z"), "UTC")).toBe(at("2026-02-23T00:00:00Z"));
    expect(startOfWeek(at("2026-03-01T12:00:00Z"), "UTC", 1)).toBe(at("2026-03-02T00:00:00Z"));
  });
  it("begin on the first, into the next year too", () => {
    expect(startOfMonth(at("2026-12-31T23:30:00Z"), BERLIN)).toBe(at("2026-12-31T23:00:00Z"));
    expect(startOfMonth(at("2026-12-15T00:00:00Z"), "UTC", 1)).toBe(at("2027-01-01T00:00:00Z"));
    expect(startOfMonth(at("2026-03-15T00:00:00Z"), "UTC", -1)).toBe(at("2026-02-01T00:00:00Z"));
  });
});
