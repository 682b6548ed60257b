import { expect, it } from "vitest";
import { keyOptions, projectOptions } from "./registered";

it("a project is chosen by its name, and by its id where several have the same", () => {
  const one = (id: string, name: string) => ({ id, name });
  expect(
    projectOptions([one("77b0c0de-0001", "search"), one("88b0c0de-0002", "ads"), one("99b0c0de-3", "ads")]),
  ).toEqual([
    { value: "77b0c0de-0001", text: "search" },
    { value: "88b0c0de-0002", text: "ads", note: "88b0c0de" },
    { value: "99b0c0de-3", text: "ads", note: "99b0c0de" },
  ]);
});

it("a key is told apart by how it begins", () => {
  expect(
    keyOptions([
      { id: 7, name: "laptop", prefix: "wh_00000" },
      { id: 8, name: "laptop", prefix: "wh_11111" },
    ]),
  ).toEqual([
    { value: "7", text: "laptop", note: "wh_00000…" },
    { value: "8", text: "laptop", note: "wh_11111…" },
  ]);
});
