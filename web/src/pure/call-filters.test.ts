import { describe, expect, it } from "vitest";
import { callFiltersOf, changeOf, cleared, queryOf, statusRange, statusSaid } from "./call-filters";

describe("the filters of calls", () => {
  it("are in the URL under the names that reports have", () => {
    const filters = callFiltersOf({
      tool: "codex",
      client: "laptop",
      status_min: "400",
      range: "1w",
      agent: " ",
    });
    expect(filters).toEqual({ tool: "codex", client: "laptop", status: "400-999" });
    expect(queryOf(filters)).toEqual({ tool: "codex", client_id: "laptop", status_min: "400" });
  });
  it("are all taken away at once", () =>
    expect(callFiltersOf({ ...changeOf("status", "4-5"), session: "s", ...cleared() })).toEqual({}));
});

describe("a status", () => {
  it.each([
    ["429", "429-429", "429"],
    ["4xx", "400-499", "4xx"],
    [" 5XX ", "500-599", "5xx"],
    ["400-403", "400-403", "400–403"],
    [">= 400", "400-999", "≥ 400"],
    ["≤399", "0-399", "≤ 399"],
  ])("written as %s means %s", (text, range, said) => {
    expect(statusRange(text)).toBe(range);
    expect(statusSaid(range)).toBe(said);
    expect(callFiltersOf(changeOf("status", range))).toEqual({ status: range });
  });
  it("is not to be read everywhere", () =>
    expect(["", "teapot", "500-400", "4xxx", "1234"].map(statusRange)).toEqual(Array(5).fill(null)));
});
