import { describe, expect, it } from "vitest";
import { aCall, anOpenCall } from "./a-call";
import { LiveCalls, ROWS_MAX } from "./live-calls";

const T = 1_000_000;
const ids = (live: LiveCalls) => live.rows.map(({ id }) => id);

describe("rows of live calls", () => {
  it("are in the order in which calls began, whenever they were told", () => {
    const live = new LiveCalls(T);
    live.happened([anOpenCall({ id: "12" }), anOpenCall({ id: "11" }), aCall({ id: "13" })], T);
    expect(ids(live)).toEqual(["13", "12", "11"]);
  });
  it("stay where they are when their call settles", () => {
    const live = new LiveCalls(T);
    live.happened([anOpenCall({ id: "11" }), anOpenCall({ id: "12" })], T);
    live.happened([aCall({ id: "11", exact: { cost_usd: 2 } })], T + 1);
    expect(ids(live)).toEqual(["12", "11"]);
    expect(live.rows[1]?.exact.cost_usd).toBe(2);
    expect(live.totals(T + 1).open).toBe(1);
  });
  it("stay settled, whatever is told late", () => {
    const live = new LiveCalls(T);
    live.happened([aCall({ id: "11" }), anOpenCall({ id: "11" })], T);
    live.known([anOpenCall({ id: "11" })], T);
    expect(live.rows[0]?.exact.state).toBe("completed");
    expect(live.totals(T).open).toBe(0);
  });
  it("are bounded, and what falls off still counts as open", () => {
    const live = new LiveCalls(T);
    for (let n = 0; n < 1000; n++) live.happened([anOpenCall({ id: String(1000 + n) })], T);
    expect(live.rows.length).toBe(ROWS_MAX);
    expect(live.rows[0]?.id).toBe("1999");
    expect(live.totals(T).open).toBe(1000);
    expect(live.came).toBe(1000);
  });
  it("of open calls alone lose a call that ends", () => {
    const live = new LiveCalls(T, true);
    live.happened([anOpenCall({ id: "11" }), anOpenCall({ id: "12" }), aCall({ id: "13" })], T);
    live.happened([aCall({ id: "12" })], T);
    expect(ids(live)).toEqual(["11"]);
  });
});

describe("calls whose end nobody told", () => {
  it("are not open any more, and are to be asked for", () => {
    const live = new LiveCalls(T);
    live.happened([anOpenCall({ id: "11" }), anOpenCall({ id: "12" })], T);
    expect(live.openNow([anOpenCall({ id: "12" })], true, T + 10_000)).toEqual(["11"]);
    expect(live.totals(T).open).toBe(1);
    live.known([aCall({ id: "11" })], T);
    expect(live.openNow([anOpenCall({ id: "12" })], true, T + 20_000)).toEqual([]);
  });
  it("are not those that opened while it was asked", () => {
    const live = new LiveCalls(T);
    live.happened([anOpenCall({ id: "11" })], T + 9_500);
    expect(live.openNow([], true, T + 10_000)).toEqual([]);
    expect(live.totals(T).open).toBe(1);
  });
  it("are not those beyond a list that has an end", () => {
    const live = new LiveCalls(T);
    live.happened([anOpenCall({ id: "11" }), anOpenCall({ id: "13" })], T);
    expect(live.openNow([anOpenCall({ id: "12" })], false, T + 10_000)).toEqual(["13"]);
    expect(live.totals(T)).toMatchObject({ open: 2, isOpenAtLeast: true });
  });
});

describe("totals", () => {
  it("have no rate before a second was watched", () =>
    expect(new LiveCalls(T).totals(T)).toMatchObject({ callsPerSecond: null, costUsd: 0, watchedS: 0 }));
  it("count a call once, however it was told", () => {
    const live = new LiveCalls(T);
    live.happened(
      [anOpenCall({ id: "11" }), aCall({ id: "11" }), aCall({ id: "12" }), aCall({ id: "12" })],
      T,
    );
    expect(live.totals(T + 10_000)).toMatchObject({
      callsPerSecond: 0.2,
      ended: 2,
      unpriced: 2,
      costUsd: null,
    });
  });
  it("are of the last minute, and leave out what is unknown", () => {
    const live = new LiveCalls(T);
    live.happened([aCall({ id: "11", exact: { cost_usd: 5 } })], T);
    live.happened([aCall({ id: "12", exact: { cost_usd: 1 } }), aCall({ id: "13" })], T + 30_000);
    expect(live.totals(T + 59_000)).toMatchObject({ costUsd: 6, ended: 3, unpriced: 1, watchedS: 59 });
    expect(live.totals(T + 61_000)).toMatchObject({ costUsd: 1, ended: 2, unpriced: 1, watchedS: 60 });
  });
  it("do not count what was there before", () => {
    const live = new LiveCalls(T);
    live.known([anOpenCall({ id: "11" }), aCall({ id: "10", exact: { cost_usd: 5 } })], T);
    expect(live.totals(T + 10_000)).toMatchObject({ callsPerSecond: 0, open: 1, ended: 0, costUsd: 0 });
  });
});
