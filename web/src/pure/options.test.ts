import { describe, expect, it } from "vitest";
import { calledLike, offered } from "./options";

const OPTIONS = [
  { value: "1", text: "Laptop of Ann" },
  { value: "2", text: "Annual report", note: "#2" },
  { value: "3", text: "Annual report", note: "#3" },
];

describe("what is offered", () => {
  const names = (text: string, most = 9) => offered(OPTIONS, text, most).shown.map(({ value }) => value);

  it("is everything as long as nothing is typed", () => expect(names("")).toEqual(["1", "2", "3"]));
  it("has the text in it, in any case, and begins with it first", () =>
    expect(names("ann")).toEqual(["2", "3", "1"]));
  it("is found by what tells it apart", () => expect(names("#3")).toEqual(["3"]));
  it("is bounded, and says how many there are beyond", () => {
    expect(names("", 2)).toEqual(["1", "2"]);
    expect(offered(OPTIONS, "", 2).more).toBe(1);
  });
});

describe("a name that is typed whole", () => {
  it("means the one that has it", () => expect(calledLike(OPTIONS, " laptop of ann ")?.value).toBe("1"));
  it("means none of several", () => expect(calledLike(OPTIONS, "Annual report")).toBeUndefined());
});
