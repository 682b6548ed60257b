import { beforeAll, describe, expect, it, vi } from "vitest";

describe("where a list goes on", () => {
  let nextOf: (link: string | null) => Readonly<Record<string, string>> | null;
  beforeAll(async () => {
    vi.stubGlobal("document", { baseURI: "http://here/" });
    ({ nextOf } = await import("./client"));
  });
  it("is in the header Link", () =>
    expect(nextOf('</admin/logs?limit=3&before=912009436535455744&offset=0>; rel="next"')).toEqual({
      limit: "3",
      before: "912009436535455744",
      offset: "0",
    }));
  it("is nowhere without one, or where it leads somewhere else", () =>
    expect([nextOf(null), nextOf(""), nextOf('</admin/logs?before=1>; rel="prev"')]).toEqual(
      Array(3).fill(null),
    ));
});
