import { describe, expect, it } from "vitest";
import {
  countOf,
  forgetFar,
  nothingYet,
  pageAt,
  type Paged,
  renewed,
  rowAt,
  withNext,
  withRows,
} from "./paged";

const rows = (first: number, count: number) => Array.from({ length: count }, (_, n) => first + n);

function threePages(): Paged<number> {
  let paged = nothingYet<number>({});
  paged = withNext(paged, rows(0, 200), { before: "a" });
  paged = withNext(paged, rows(200, 200), { before: "b" });
  return withNext(paged, rows(400, 57), null);
}

describe("a long list", () => {
  it("knows how to read on until it is at its end", () => {
    expect(nothingYet({ limit: "1" }).next).toEqual({ limit: "1" });
    expect(threePages().next).toBeNull();
    expect(countOf(threePages())).toBe(457);
  });
  it("finds a row in its page", () => {
    const paged = threePages();
    expect([0, 199, 200, 456].map((row) => rowAt(paged, row))).toEqual([0, 199, 200, 456]);
    expect(pageAt(paged, 400)).toEqual({ page: 2, at: 0 });
    expect(rowAt(paged, 457)).toBeUndefined();
  });
  it("reads on behind a page on which nothing was found", () => {
    const paged = withNext(nothingYet<number>({}), [], { before: "a" });
    expect(paged).toEqual({ pages: [], next: { before: "a" } });
    expect(withNext(paged, [7], null).pages[0]?.place).toEqual({ before: "a" });
  });
});

describe("pages that are far", () => {
  it("are forgotten, but where they began and how long they are", () => {
    const paged = forgetFar(threePages(), 2, 2, 1);
    expect(paged.pages.map((page) => page.rows !== null)).toEqual([false, true, true]);
    expect(countOf(paged)).toBe(457);
    expect(rowAt(paged, 3)).toBeUndefined();
    expect(paged.pages[0]?.place).toEqual({});
  });
  it("come back where they were, also when they have fewer rows by now", () => {
    const paged = withRows(forgetFar(threePages(), 2, 2, 1), 0, rows(0, 199));
    expect(rowAt(paged, 198)).toBe(198);
    expect(rowAt(paged, 199)).toBeUndefined();
    expect(rowAt(paged, 200)).toBe(200);
  });
  it("leave a list as it is where nothing is far", () => {
    const paged = threePages();
    expect(forgetFar(paged, 0, 2, 1)).toBe(paged);
  });
});

describe("rows that changed", () => {
  it("take the places of the old ones", () => {
    const paged = withNext(nothingYet<{ id: number; state: string }>({}), [{ id: 1, state: "open" }], null);
    const news = [
      { id: 1, state: "done" },
      { id: 2, state: "done" },
    ];
    expect(
      rowAt(
        renewed(paged, (a, b) => a.id === b.id, news),
        0,
      )?.state,
    ).toBe("done");
  });
});
