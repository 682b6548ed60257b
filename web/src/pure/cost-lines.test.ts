import { describe, expect, it } from "vitest";
import { linesOf } from "./cost-lines";

const usual = {
  above: -1,
  prices: { input: 3_000_000_000, output: 15_000_000_000, cache_read: 300_000_000 },
};

describe("the lines of a cost", () => {
  it("are disjoint: what was cached is paid once", () => {
    const found = linesOf({ input: 1000, cacheRead: 200, output: 100 }, { sheets: [usual] }, 0.00396);
    expect(found?.lines.map(({ kind, count, nanousd }) => [kind, count, nanousd])).toEqual([
      ["cache_read", 200, 60_000],
      ["input", 800, 2_400_000],
      ["output", 100, 1_500_000],
    ]);
  });
  it("leave a part in the whole that has no price of its own", () => {
    const found = linesOf({ input: 10, output: 100, reasoning: 90 }, { sheets: [usual] }, 0.00153);
    expect(found?.lines.map(({ kind }) => kind)).toEqual(["input", "output"]);
  });
  it("know what a cache write costs where a rate does not say", () => {
    const rate = { sheets: [usual], family: "anthropic" };
    const found = linesOf({ input: 1000, cacheWrite: 600, cacheWrite1h: 100, output: 0 }, rate, 0.003675);
    expect(found?.lines.map(({ kind, count, rate }) => [kind, count, rate])).toEqual([
      ["cache_write_1h", 100, 6_000_000_000],
      ["cache_write", 500, 3_750_000_000],
      ["input", 400, 3_000_000_000],
    ]);
  });
  it("are by the sheet that holds for a call of its size", () => {
    const large = { above: 200_000, prices: { input: 6_000_000_000, output: 0 } };
    expect(linesOf({ input: 200_001 }, { sheets: [usual, large] }, 1.200006)?.lines[0]?.rate).toBe(
      6_000_000_000,
    );
    expect(linesOf({ input: 200_000 }, { sheets: [usual, large] }, 0.6)?.lines[0]?.rate).toBe(3_000_000_000);
  });
  it("say by which service tier they are", () => {
    const flex = { sheets: [{ above: -1, prices: { input: 1_500_000_000, output: 0 } }] };
    expect(linesOf({ input: 1000 }, { sheets: [usual], tiers: { flex: [flex] } }, 0.0015)?.tier).toBe("flex");
  });
  it("have searches, calls and seconds beside the tokens", () => {
    const prices = { call: 10_000_000_000, web_search: 10 ** 13, audio_second: 100_000_000_000 };
    const rate = { sheets: [{ above: -1, prices }], audio_ms_min: 10_000 };
    const found = linesOf({ webSearches: 2, audioMs: 4_000 }, rate, 0.02101);
    expect(found?.lines.map(({ kind, count, nanousd }) => [kind, count, nanousd])).toEqual([
      ["audio_second", 10_000, 1_000_000],
      ["call", 1, 10_000],
      ["web_search", 2, 20_000_000],
    ]);
  });
  it("are none where they do not add up to what the books say", () =>
    expect(linesOf({ input: 1000, output: 100 }, { sheets: [usual] }, 0.0042)).toBeNull());
});
