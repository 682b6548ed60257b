import { describe, expect, it } from "vitest";
import { aCall } from "./a-call";
import { above, beganAt, figuresOf, newestFirst } from "./calls";

describe("the figures of a call", () => {
  const call = aCall({ prompt_tokens: 0, completion_tokens: 0, exact: { input_tokens: 0, cost_usd: 0 } });
  it("know nothing used from what nobody told", () =>
    expect(figuresOf(call)).toMatchObject({ input: 0, output: null, costUsd: 0, total: null }));
});

describe("ids", () => {
  it("keep all their digits", () => expect(above("912009126987431936")).toBe("912009126987431937"));
  it("are in the order in which calls began", () =>
    expect(["9", "912009126987431937", "912009126987431936"].sort(newestFirst)).toEqual([
      "912009126987431937",
      "912009126987431936",
      "9",
    ]));
  it("say when a call began", () =>
    expect(new Date(beganAt("912009126987431936")).toISOString()).toBe("2026-11-21T15:58:40.184Z"));
});
