import { expect, it } from "vitest";
import { pageOf } from "./pages";

it("a list that fits is one page", () => {
  expect(pageOf(7, 100, 0)).toEqual({ number: 0, pages: 1, from: 0, to: 7 });
});

it("nothing is a page without rows", () => {
  expect(pageOf(0, 100, 3)).toEqual({ number: 0, pages: 1, from: 0, to: 0 });
});

it("the last page has what is left", () => {
  expect(pageOf(201, 100, 2)).toEqual({ number: 2, pages: 3, from: 200, to: 201 });
});

it("a page that is gone becomes the last one", () => {
  expect(pageOf(150, 100, 9)).toEqual({ number: 1, pages: 2, from: 100, to: 150 });
  expect(pageOf(150, 100, -1).number).toBe(0);
});
