import { describe, expect, it } from "vitest";
import { fullness, toneOf } from "./standings";

describe("a limit", () => {
  it("is as full as what is used and held together", () => {
    expect(fullness({ used: "3.50", held: "0.50" }, "8")).toBe(0.5);
    expect(fullness({ used: 190, held: 20 }, 200)).toBe(1.05);
  });
  it("of nothing is full", () => expect(fullness({ used: 0, held: 0 }, 0)).toBe(1));
  it.each([
    [0.2, "good"],
    [0.8, "warn"],
    [1, "bad"],
    [1.4, "bad"],
  ] as const)("that is %d full is %s", (full, tone) => expect(toneOf(full)).toBe(tone));
});
