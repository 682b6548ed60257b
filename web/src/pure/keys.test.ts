import { describe, expect, it } from "vitest";
import { isAmount, isCeiling, isCount, listOf, snippetsOf, textOf } from "./keys";

describe("what a key may use", () => {
  it("is a list of what stands between commas, or everything", () => {
    expect(listOf(" gpt-*, o3 ,,")).toEqual(["gpt-*", "o3"]);
    expect([listOf(""), listOf(" , ")]).toEqual([null, null]);
  });
  it("can be typed on where it was left", () => {
    expect(listOf(textOf(["gpt-*", "o3"]))).toEqual(["gpt-*", "o3"]);
    expect(listOf(textOf(null))).toBeNull();
  });
});

describe("a budget", () => {
  it.each(["12.50", "0.000000001", "5"])("of %s is one", (text) => expect(isAmount(text)).toBe(true));
  it.each(["", "0", "0.00", "-1", "1,50", "1e3", "0.0000000001", "12.", " 5"])("of '%s' is none", (text) =>
    expect(isAmount(text)).toBe(false),
  );
});

describe("a count of calls", () => {
  it.each([
    ["1", true],
    ["2000", true],
    ["0", false],
    ["1.5", false],
    ["-3", false],
    ["", false],
  ])("'%s' is one: %s", (text, isOne) => expect(isCount(text)).toBe(isOne));
});

describe("the amount of a limit", () => {
  it.each([
    ["12.50", "cost", true],
    ["12.50", "calls", false],
    ["0", "calls", true],
    ["0", "cost", true],
    ["-1", "cost", false],
    ["", "cost", false],
    ["twelve", "calls", false],
    ["99999999999999999999", "calls", false],
  ])("'%s' of %s is one: %s", (text, measure, isOne) => expect(isCeiling(text, measure)).toBe(isOne));
});

describe("snippets", () => {
  it("each have the gateway and the key in them", () => {
    const snippets = snippetsOf("http://127.0.0.1:8080", "wh_secret");
    expect(snippets.map(({ name }) => name)).toEqual([
      "curl",
      "OpenAI (Python)",
      "OpenAI (Node)",
      "Anthropic (Python)",
      "Anthropic (Node)",
      "Claude Code",
      "Codex",
      "OpenCode",
    ]);
    for (const { text } of snippets) {
      expect(text).toContain("http://127.0.0.1:8080");
      expect(text).toContain("wh_secret");
    }
  });
});
