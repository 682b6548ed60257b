import { describe, expect, it } from "vitest";
import { aCall } from "./a-call";
import { above, beganAt, figuresOf, newestFirst, sessionOf } from "./calls";

describe("the figures of a call", () => {
  it("are unknown where its row has a zero", () =>
    expect(figuresOf(aCall({ prompt_tokens: 7, cost_status: "unsupported" }))).toMatchObject({
      input: 7,
      output: null,
      costUsd: null,
    }));
  it("have a cost of nothing where that is known", () =>
    expect(figuresOf(aCall({ cost_status: "ok", cost_usd: 0 })).costUsd).toBe(0));
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

describe("a session", () => {
  it("is told with the call", () => {
    expect(sessionOf(aCall({ meta_json: '{"session_id":"s"}' }))).toBe("s");
    expect(sessionOf(aCall({ meta_json: '{"session_id":null}' }))).toBeNull();
  });
});
