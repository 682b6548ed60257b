import { describe, expect, it } from "vitest";
import { byAccount, isOver, type Quota, toneOf } from "./quotas";

const quota = (account: string | null, name: string, used_pct: number | null): Quota => ({
  provider: "anthropic",
  account,
  name,
  used_pct,
  resets_at: "2026-03-01T12:00:00Z",
  timestamp: "2026-03-01T09:00:00Z",
});

describe("quotas", () => {
  it("are together by account, the fullest first, and what nobody said last", () => {
    const found = byAccount([
      quota("ann", "5h", 10),
      quota("bob", "5h", 95),
      quota("ann", "week", 40),
      quota(null, "requests", null),
    ]);
    expect(found.map(({ account, quotas }) => [account, quotas.map(({ name }) => name)])).toEqual([
      ["bob", ["5h"]],
      ["ann", ["week", "5h"]],
      [null, ["requests"]],
    ]);
  });
  it("of two providers are two, whatever the account is called", () => {
    expect(byAccount([quota("ann", "5h", 1), { ...quota("ann", "5h", 1), provider: "openai" }])).toHaveLength(
      2,
    );
  });
  it.each([
    [null, "plain"],
    [12, "good"],
    [80, "warn"],
    [100, "bad"],
    [140, "bad"],
  ] as const)("that are %s percent used are %s", (percent, tone) => expect(toneOf(percent)).toBe(tone));
  it("are over when their window is", () => {
    const at = Date.parse("2026-03-01T12:00:00Z");
    expect([isOver(quota("a", "5h", 1), at - 1), isOver(quota("a", "5h", 1), at)]).toEqual([false, true]);
    expect(isOver({ ...quota("a", "5h", 1), resets_at: null }, at)).toBe(false);
  });
});
