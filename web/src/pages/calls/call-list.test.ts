import { describe, expect, it } from "vitest";
import type { Listed } from "@/api/client";
import { aCall } from "@/pure/a-call";
import type { Call } from "@/pure/calls";
import { countOf, type Place, rowAt } from "@/pure/paged";
import { CallList } from "./call-list";

const NEWEST = 10_000;

/** So many calls with falling ids, a hundred on a page; counts what it is asked for. */
class Books {
  readonly asked: Place[] = [];
  error: Error | null = null;
  constructor(
    private readonly count: number,
    private readonly emptyFrom = 0,
  ) {}
  readonly ask = async (place: Place): Promise<Listed<Call[]>> => {
    this.asked.push(place);
    if (this.error !== null) throw this.error;
    return this.page(Number(place.before));
  };
  page(before: number): Listed<Call[]> {
    const lowest = NEWEST - this.count;
    const from = Math.max(before - 100, lowest);
    const ids = Array.from({ length: before - from }, (_, n) => before - 1 - n);
    const rows = ids.filter((id) => id >= this.emptyFrom).map((id) => aCall({ id: String(id) }));
    return { rows, next: from > lowest ? { before: String(from) } : null };
  }
}

const settled = () => new Promise((done) => setTimeout(done, 5));
const idAt = (list: CallList, row: number) => rowAt(list.standing().paged, row)?.id;

describe("a list of calls", () => {
  it("is read on when its end comes near, and not before", async () => {
    const books = new Books(1000);
    const list = new CallList({}, books.ask);
    list.top(books.page(NEWEST));
    list.look(0, 30);
    await settled();
    expect(books.asked).toEqual([]);
    list.look(20, 50);
    await settled();
    expect(countOf(list.standing().paged)).toBe(200);
    expect(idAt(list, 199)).toBe("9800");
  });
  it("forgets what is far, and asks for it again by the same place", async () => {
    const books = new Books(3000);
    const list = new CallList({ tool: "codex" }, books.ask);
    list.top(books.page(NEWEST));
    for (let row = 0; row < 2000; row += 50) {
      list.look(row, row + 40);
      await settled();
    }
    expect(idAt(list, 0)).toBeUndefined();
    expect(list.standing().paged.pages.filter(({ rows }) => rows !== null).length).toBeLessThanOrEqual(13);
    list.look(0, 40);
    await settled();
    expect(idAt(list, 0)).toBe("9999");
    expect(books.asked.at(-1)).toEqual({ tool: "codex", before: "10000" });
  });
  it("goes on where nothing matched, until it is tired of that", async () => {
    const books = new Books(9000, 9900);
    const list = new CallList({}, books.ask);
    list.top(books.page(NEWEST));
    list.look(60, 99);
    await settled();
    expect(books.asked.length).toBe(20);
    expect(list.standing()).toMatchObject({ isTired: true, isLoading: false });
    list.again();
    await settled();
    expect(books.asked.length).toBe(40);
  });
  it("says that it is full rather than to grow for ever", async () => {
    const books = new Books(1000);
    const list = new CallList({}, books.ask, 300);
    list.top(books.page(NEWEST));
    for (const row of [50, 150, 250, 299]) {
      list.look(row, row);
      await settled();
    }
    expect(countOf(list.standing().paged)).toBe(300);
    expect(list.standing().isFull).toBe(true);
  });
  it("keeps what it has when it cannot be read on, and tries again when asked to", async () => {
    const books = new Books(1000);
    const list = new CallList({}, books.ask);
    list.top(books.page(NEWEST));
    books.error = new Error("no");
    list.look(60, 99);
    await settled();
    expect(list.standing().error).toBe(books.error);
    expect(countOf(list.standing().paged)).toBe(100);
    books.error = null;
    list.again();
    await settled();
    expect(countOf(list.standing().paged)).toBe(200);
  });
  it("drops an answer that came too late", async () => {
    const books = new Books(1000);
    const list = new CallList({}, books.ask);
    list.top(books.page(NEWEST));
    list.look(60, 99);
    list.top({ rows: [aCall({ id: "20000" })], next: null });
    await settled();
    expect(countOf(list.standing().paged)).toBe(1);
  });
  it("begins anew for newer calls only where its top is looked at", () => {
    const list = new CallList({}, new Books(0).ask);
    const first = { rows: [aCall({ id: "1" })], next: null };
    const second = { rows: [aCall({ id: "2" })], next: null };
    list.offer(first, false);
    list.offer(second, false);
    expect(idAt(list, 0)).toBe("1");
    list.offer(second, true);
    expect(idAt(list, 0)).toBe("2");
  });
  it("takes what is known better of a row", () => {
    const list = new CallList({}, new Books(0).ask);
    list.top({ rows: [aCall({ id: "1", latency_ms: null })], next: null });
    list.renew([aCall({ id: "1", latency_ms: 7 })]);
    expect(rowAt(list.standing().paged, 0)?.latency_ms).toBe(7);
  });
});
