/** Long lists page by page: the rows of a page, whatever became of the list since it was turned to. */

export interface PageOfRows {
  readonly number: number;
  readonly pages: number;
  /** The rows `from` up to, but without, `to`. */
  readonly from: number;
  readonly to: number;
}

/** The page that is wanted, or the last one where there are fewer by now. */
export function pageOf(count: number, size: number, wanted: number): PageOfRows {
  const pages = Math.max(1, Math.ceil(count / size));
  const number = Math.min(Math.max(wanted, 0), pages - 1);
  return { number, pages, from: number * size, to: Math.min((number + 1) * size, count) };
}
