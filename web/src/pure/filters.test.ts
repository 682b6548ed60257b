import { describe, expect, it } from "vitest";
import { exportFilters, filtersOf, hasPercentiles, isFiltered, keyAskedBy, valueOf } from "./filters";

describe("filters", () => {
  it("are the dimensions in the URL, and nothing else of it", () => {
    expect(filtersOf({ tool: "codex", streamed: "1", range: "1w", by: "model" })).toEqual({
      tool: "codex",
      streamed: "1",
    });
  });
  it("without a value are none: the API would refuse them", () => {
    expect(filtersOf({ tool: "", model: "  " })).toEqual({});
    expect(isFiltered(filtersOf({ tool: "" }))).toBe(false);
  });
  it("ask for what nobody said by a word of the API's", () => {
    expect(valueOf(null)).toBe("unknown");
    expect(keyAskedBy("unknown")).toBeNull();
    expect(keyAskedBy(undefined)).toBeUndefined();
  });
});

describe("percentiles", () => {
  it("are known by provider and model alone", () => {
    expect(hasPercentiles({})).toBe(true);
    expect(hasPercentiles({ provider: "openai", model: "gpt-5" })).toBe(true);
    expect(hasPercentiles({ provider: "openai", tool: "codex" })).toBe(false);
    expect(hasPercentiles({ streamed: "1" })).toBe(false);
  });
});

describe("an export", () => {
  it("has its own name for the client", () => {
    expect(exportFilters({ client: "laptop", model: "gpt-5" })).toEqual({
      client_id: "laptop",
      model: "gpt-5",
    });
  });
  it("cannot leave out what was not streamed, and none is better than a wrong one", () => {
    expect(exportFilters({ streamed: "1" })).toBeNull();
  });
});
