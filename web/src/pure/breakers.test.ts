import { describe, expect, it } from "vitest";
import { stateOf, subjectOf, worstFirst } from "./breakers";

describe("a breaker", () => {
  it("is of a provider, whatever that is called, or of one of its credentials", () => {
    expect(subjectOf("openai")).toEqual({ provider: "openai", credential: null });
    expect(subjectOf("team/openai/credential/4")).toEqual({ provider: "team/openai", credential: "4" });
    expect(subjectOf("credential/4")).toEqual({ provider: "credential/4", credential: null });
  });
  it("of a credential says nothing about its provider", () => {
    const breakers = [{ providerId: "openai/credential/4", state: "open" as const }];
    expect(stateOf("openai", breakers)).toBeNull();
    expect(stateOf("openai", [...breakers, { providerId: "openai", state: "half-open" }])).toBe("half-open");
  });
  it("that is open comes first", () => {
    const some = (["closed", "open", "half-open"] as const).map((state) => ({ providerId: state, state }));
    expect(worstFirst(some).map(({ state }) => state)).toEqual(["open", "half-open", "closed"]);
  });
});
