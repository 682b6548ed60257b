import { describe, expect, it } from "vitest";
import { changesOf, type Entry } from "./audited";
import { formatOf } from "./format";

const format = formatOf("en", "UTC");

function anEntry(some: Partial<Entry>): Entry {
  return { object_kind: "limit", object_id: "3", before: null, after: null, ...some };
}

describe("what was changed", () => {
  it("is said with what it was before", () => {
    const entry = anEntry({ object_kind: "key", before: { name: "a" }, after: { name: "b" } });
    expect(changesOf(entry, format)).toEqual([{ name: "name", was: "a", is: "b" }]);
  });

  it("has moments and money as people read them", () => {
    const made = anEntry({
      after: { measure: "cost", amount: "12.50", created_us: 1_790_000_000_000_000 },
    });
    const changed = anEntry({ before: { amount: "12.50" }, after: { amount: "20.00" } });
    const key = anEntry({ object_kind: "key", object_id: "7", after: { expires_us: 1_772_366_400_000_000 } });
    expect(changesOf(made, format)).toEqual([
      { name: "measure", was: null, is: "cost" },
      { name: "amount", was: null, is: "$12.50" },
    ]);
    expect(changesOf(changed, format)).toEqual([{ name: "amount", was: "$12.50", is: "$20.00" }]);
    expect(changesOf(key, format)).toEqual([{ name: "expires", was: null, is: "Mar 1, 2026, 12:00:00" }]);
  });

  it("leaves an amount of calls or tokens as it is", () => {
    const changed = anEntry({ before: { amount: 100 }, after: { amount: 200 } });
    expect(changesOf(changed, format)).toEqual([{ name: "amount", was: "100", is: "200" }]);
  });

  it("says names with values as such", () => {
    const entry = anEntry({ after: { scope: { kind: "key", id: "9" }, tags: { team: "web" } } });
    expect(changesOf(entry, format).map(({ is }) => is)).toEqual(["kind: key, id: 9", "team: web"]);
  });

  it("says what is not set as unknown, and lists with commas", () => {
    const entry = anEntry({
      object_kind: "key",
      before: { allowed_models: null },
      after: { allowed_models: ["gpt-*", "o3"] },
    });
    expect(changesOf(entry, format)).toEqual([{ name: "allowed_models", was: "–", is: "gpt-*, o3" }]);
  });
});
