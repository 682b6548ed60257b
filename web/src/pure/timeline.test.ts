import { describe, expect, it } from "vitest";
import { stepsOf, stretchesOf } from "./timeline";

const nothing = { admitted: null, sent: null, headers: null, firstByte: null, ended: null };

describe("a timeline", () => {
  it("has the stretches between what is known", () => {
    const steps = stepsOf({ admitted: 2, sent: 5, headers: 300, firstByte: 310, ended: 900 });
    expect(stretchesOf(steps, null).map(({ until, fromMs, toMs }) => [until, fromMs, toMs])).toEqual([
      ["admitted", 0, 2],
      ["sent", 2, 5],
      ["headers", 5, 300],
      ["firstByte", 300, 310],
      ["ended", 310, 900],
    ]);
  });
  it("leaves out what nobody measured", () => {
    const steps = stepsOf({ ...nothing, headers: 300, ended: 900 });
    expect(stretchesOf(steps, null).map(({ until }) => until)).toEqual(["headers", "ended"]);
  });
  it("goes on while the call is under way", () => {
    expect(stretchesOf(stepsOf({ ...nothing, admitted: 3 }), 50).at(-1)).toEqual({
      until: "open",
      fromMs: 3,
      toMs: 50,
    });
    expect(stretchesOf(stepsOf(nothing), 50)).toEqual([{ until: "open", fromMs: 0, toMs: 50 }]);
  });
  it("never goes back", () =>
    expect(stepsOf({ ...nothing, headers: 300, firstByte: 290 }).map(({ atMs }) => atMs)).toEqual([
      300, 300,
    ]));
});
