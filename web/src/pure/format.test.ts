import { describe, expect, it } from "vitest";
import { change, formatOf, ratio } from "./format";

const en = formatOf("en", "UTC");
const de = formatOf("de", "Europe/Berlin");

describe("what is unknown", () => {
  it("is a dash and never nothing", () => {
    for (const say of [en.count, en.short, en.usd, en.usdExact, en.percent, en.change, en.ms, en.bytes]) {
      expect([say(null), say(undefined), say(Number.NaN)]).toEqual(["–", "–", "–"]);
    }
    expect([en.moment(null), en.moment("soon"), en.ago(null, 0)]).toEqual(["–", "–", "–"]);
  });
  it("has no ratio and no change", () => {
    expect([ratio(1, null), ratio(null, 1), ratio(0, 0), change(1, 0), change(1, null)]).toEqual(
      Array(5).fill(null),
    );
  });
});

describe("what is known to be nothing", () => {
  it("is a zero", () => {
    expect([en.count(0), en.usd(0), en.ms(0), en.bytes(0), en.percent(0)]).toEqual([
      "0",
      "$0.00",
      "0 ms",
      "0 B",
      "0%",
    ]);
  });
});

describe("a change", () => {
  it.each([
    [0.123, "+12.3%"],
    [-0.5, "-50%"],
    [0, "0%"],
    [9.99, "+999%"],
    [12061, "> +999%"],
  ])("of %d is said as %s", (value, said) => expect(en.change(value)).toBe(said));
});

describe("a short count", () => {
  it("has its points where a language has no shorter form", () =>
    expect([en.short(9237), de.short(9237)]).toEqual(["9.2K", "9.237"]));
});

describe("money", () => {
  it.each([
    [1234.5, "$1,234.50"],
    [0.0213, "$0.0213"],
    [0.5, "$0.50"],
    [0.00002, "< $0.0001"],
  ])("%d is said as %s", (value, said) => expect(en.usd(value)).toBe(said));
  it("shows all its digits when asked", () => expect(en.usdExact(0.000000123)).toBe("$0.000000123"));
  it("is said as people of the language do", () => expect(de.usd(1234.5)).toBe("1.234,50\u00a0$"));
});

describe("durations", () => {
  it.each([
    [3.21, "3.2 ms"],
    [640, "640 ms"],
    [1840, "1.8 s"],
    [90_000, "1.5 min"],
    [5_400_000, "1.5 h"],
  ])("of %d ms are %s", (value, said) => expect(en.ms(value)).toBe(said));
});

describe("moments", () => {
  it("are in the zone that was chosen", () => {
    expect(en.time("2026-03-01T23:30:00Z")).toBe("23:30:00");
    expect(de.time("2026-03-01T23:30:00Z")).toBe("00:30:00");
  });
  it("may go without their year", () => {
    expect(en.stamp("2026-03-01T23:30:00Z")).toBe("Mar 1, 23:30:00");
    expect(de.stamp("2026-03-01T23:30:00Z")).toBe("2. März, 00:30:00");
  });
  it("are told from now", () => {
    const now = Date.parse("2026-03-01T12:00:00Z");
    expect(en.ago("2026-03-01T11:57:00Z", now)).toBe("3 min. ago");
    expect(en.ago("2026-03-04T12:00:00Z", now)).toBe("in 3 days");
  });
});

describe("bytes", () => {
  it("have binary units", () =>
    expect([en.bytes(1536), en.bytes(5 * 2 ** 30)]).toEqual(["1.5 KiB", "5 GiB"]));
});
