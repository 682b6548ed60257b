/**
 * A long list that is read page by page, of which only the pages around what is looked at are kept.
 *
 *   pages   [ 200 rows | 200 rows | 57 rows | … ]  ──► next: how to read on; null: that was all
 *              kept       kept       forgotten: known is where it began and how many rows it had
 *
 * A page is asked for by where it begins, so one that was forgotten can be asked for again.
 */

export type Place = Readonly<Record<string, string>>;

export interface PageOf<Row> {
  /** What of the question makes it this page. */
  readonly place: Place;
  readonly count: number;
  /** `null`: forgotten. */
  readonly rows: readonly Row[] | null;
}

export interface Paged<Row> {
  readonly pages: readonly PageOf<Row>[];
  readonly next: Place | null;
}

export function nothingYet<Row>(place: Place): Paged<Row> {
  return { pages: [], next: place };
}

/** With the page that `next` led to.  Pages without rows leave none behind. */
export function withNext<Row>(
  { pages, next }: Paged<Row>,
  rows: readonly Row[],
  further: Place | null,
): Paged<Row> {
  if (next === null || rows.length === 0) return { pages, next: further };
  return { pages: [...pages, { place: next, count: rows.length, rows }], next: further };
}

/** With the rows of a page that was forgotten.  They may be fewer by now, but never more than there is room for. */
export function withRows<Row>(paged: Paged<Row>, index: number, rows: readonly Row[]): Paged<Row> {
  const pages = paged.pages.map((page, n) =>
    n === index ? { ...page, rows: rows.slice(0, page.count) } : page,
  );
  return { ...paged, pages };
}

/** Without the rows of the pages that are far from those looked at. */
export function forgetFar<Row>(paged: Paged<Row>, first: number, last: number, around: number): Paged<Row> {
  const isFar = (n: number) => n < first - around || n > last + around;
  if (!paged.pages.some(({ rows }, n) => rows !== null && isFar(n))) return paged;
  return { ...paged, pages: paged.pages.map((page, n) => (isFar(n) ? { ...page, rows: null } : page)) };
}

export function countOf<Row>({ pages }: Paged<Row>): number {
  return pages.reduce((sum, { count }) => sum + count, 0);
}

/** The page with a row, and where in it that is. */
export function pageAt<Row>({ pages }: Paged<Row>, row: number): { page: number; at: number } {
  let at = row;
  for (const [page, { count }] of pages.entries()) {
    if (at < count) return { page, at };
    at -= count;
  }
  return { page: pages.length, at };
}

/** A row, if it is kept. */
export function rowAt<Row>(paged: Paged<Row>, row: number): Row | undefined {
  const { page, at } = pageAt(paged, row);
  return paged.pages[page]?.rows?.[at];
}

/** With what is newer of some rows that are kept. */
export function renewed<Row>(
  paged: Paged<Row>,
  isSame: (a: Row, b: Row) => boolean,
  news: readonly Row[],
): Paged<Row> {
  const pages = paged.pages.map((page) => {
    if (page.rows === null || !page.rows.some((row) => news.some((one) => isSame(one, row)))) return page;
    return { ...page, rows: page.rows.map((row) => news.find((one) => isSame(one, row)) ?? row) };
  });
  return { ...paged, pages };
}
