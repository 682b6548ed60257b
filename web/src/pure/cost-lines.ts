/**
 * How a cost comes about: counts times the prices of a rate, in lines of which none overlaps another.
 *
 *   input  = plain + cache reads + cache writes + audio + images      a part without a price of its own
 *   output = plain + reasoning + audio + images                       is paid like the rest
 *
 * The books say what a call cost.  These lines only show it, so they are shown only where they add up to
 * exactly that; whole nano-dollars, each line rounded half up, as in the books.
 */

export interface Sheet {
  /** It holds for calls that read more than this. */
  readonly above: number;
  readonly prices: Readonly<Record<string, number>>;
}

/** A rate as it was kept when it priced a call. */
export interface KeptRate {
  readonly sheets: readonly Sheet[];
  readonly tiers?: Readonly<Record<string, readonly { readonly sheets: readonly Sheet[] }[]>>;
  readonly family?: string;
  readonly audio_ms_min?: number;
}

/** What was used; `null` and `undefined`: nobody said. */
export interface Counts {
  readonly input?: number | null;
  readonly output?: number | null;
  readonly cacheRead?: number | null;
  readonly cacheWrite?: number | null;
  readonly cacheWrite1h?: number | null;
  readonly reasoning?: number | null;
  readonly inputAudio?: number | null;
  readonly inputImage?: number | null;
  readonly outputAudio?: number | null;
  readonly outputImage?: number | null;
  readonly audioMs?: number | null;
  readonly webSearches?: number | null;
  /** How often the price of a call is paid: a step of one pays none. */
  readonly calls?: number;
}

export interface CostLine {
  readonly kind: string;
  readonly count: number;
  /** In nano-dollars per million. */
  readonly rate: number;
  readonly nanousd: number;
}

export interface Lines {
  readonly lines: readonly CostLine[];
  /** The service tier whose prices these are; `null`: the usual ones. */
  readonly tier: string | null;
}

const MILLION = 1_000_000n;
const SEARCH_FEE = 10 ** 13;

/** The lines that add up to a cost in US dollars; `null` if none do. */
export function linesOf(counts: Counts, rate: KeptRate, costUsd: number): Lines | null {
  const wanted = Math.round(costUsd * 1e9);
  for (const { tier, sheets } of candidates(rate)) {
    for (const isAnthropic of rate.family === "anthropic" ? [true] : [false, true]) {
      const lines = quoted(counts, sheetFor(sheets, counts.input ?? 0), rate, isAnthropic);
      if (lines.reduce((sum, { nanousd }) => sum + nanousd, 0) === wanted) return { lines, tier };
    }
  }
  return null;
}

function* candidates(rate: KeptRate): Generator<{ tier: string | null; sheets: readonly Sheet[] }> {
  yield { tier: null, sheets: rate.sheets };
  for (const [tier, periods] of Object.entries(rate.tiers ?? {})) {
    for (const { sheets } of periods) yield { tier, sheets };
  }
}

function sheetFor(sheets: readonly Sheet[], input: number): Readonly<Record<string, number>> {
  return (sheets.findLast(({ above }) => input > above) ?? sheets[0])?.prices ?? {};
}

function quoted(
  counts: Counts,
  prices: Readonly<Record<string, number>>,
  rate: KeptRate,
  isAnthropic: boolean,
): CostLine[] {
  const lines: CostLine[] = [];
  const add = (kind: string, count: number, price: number, per = MILLION) => {
    if (count > 0) lines.push({ kind, count, rate: price, nanousd: priced(count, price, per) });
  };
  const plain = prices.input ?? 0;
  const hour = counts.cacheWrite1h ?? 0;
  const write = prices.cache_write ?? (isAnthropic ? Math.floor((plain * 5 + 2) / 4) : undefined);
  const writeHour = prices.cache_write_1h ?? (isAnthropic ? plain * 2 : prices.cache_write);
  parted(add, "input", counts.input ?? 0, plain, [
    ["cache_read", counts.cacheRead, prices.cache_read],
    ["cache_write_1h", hour, writeHour],
    ["cache_write", (counts.cacheWrite ?? 0) - hour, write],
    ["input_audio", counts.inputAudio, prices.input_audio],
    ["input_image", counts.inputImage, prices.input_image],
  ]);
  parted(add, "output", counts.output ?? 0, prices.output ?? 0, [
    ["reasoning", counts.reasoning, prices.reasoning],
    ["output_audio", counts.outputAudio, prices.output_audio],
    ["output_image", counts.outputImage, prices.output_image],
  ]);
  const heard = counts.audioMs ?? 0;
  if (prices.audio_second && heard > 0) {
    add("audio_second", Math.max(heard, rate.audio_ms_min ?? 0), prices.audio_second, 1000n * MILLION);
  }
  if (prices.call) add("call", counts.calls ?? 1, prices.call);
  const fee = prices.web_search ?? (isAnthropic ? SEARCH_FEE : undefined);
  if (fee !== undefined) add("web_search", counts.webSearches ?? 0, fee);
  return lines;
}

type Part = readonly [kind: string, count: number | null | undefined, price: number | undefined];

/** The parts that have prices of their own, and the rest. */
function parted(
  add: (kind: string, count: number, price: number) => void,
  kind: string,
  whole: number,
  plain: number,
  parts: readonly Part[],
): void {
  let rest = whole;
  for (const [name, count, price] of parts) {
    if (price === undefined) continue;
    const paid = Math.min(Math.max(count ?? 0, 0), rest);
    rest -= paid;
    add(name, paid, price);
  }
  add(kind, rest, plain);
}

/** In nano-dollars, half rounded up. */
function priced(count: number, perMillion: number, per: bigint): number {
  return Number((BigInt(count) * BigInt(perMillion) + per / 2n) / per);
}
