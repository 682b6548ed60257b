/** A call with all that is known of it, in the form that pages show; `null` is unknown. */

import type { CallWithAttempts, WholeCall } from "@/api/schema";
import type { StepName } from "./timeline";

/** Counts by kind; the parts are in their wholes. */
export interface Counted {
  readonly input: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly cacheWrite1h: number | null;
  readonly inputAudio: number | null;
  readonly inputImage: number | null;
  readonly output: number | null;
  readonly reasoning: number | null;
  readonly outputAudio: number | null;
  readonly outputImage: number | null;
  readonly total: number | null;
  readonly audioMs: number | null;
  readonly webSearches: number | null;
}

export interface Whole {
  readonly call: CallWithAttempts;
  readonly facts: WholeCall;
  readonly counted: Counted;
  /** In milliseconds from when it began. */
  readonly known: Readonly<Record<StepName, number | null>>;
}

export function wholeOf(call: CallWithAttempts): Whole {
  const facts = call.wellhead;
  return { call, facts, counted: countedOf(facts.usage), known: knownOf(facts.timeline) };
}

function countedOf(usage: WholeCall["usage"]): Counted {
  return {
    input: usage.input_tokens,
    cacheRead: usage.cache_read_tokens,
    cacheWrite: usage.cache_write_tokens,
    cacheWrite1h: usage.cache_write_1h_tokens,
    inputAudio: usage.input_audio_tokens,
    inputImage: usage.input_image_tokens,
    output: usage.output_tokens,
    reasoning: usage.reasoning_tokens,
    outputAudio: usage.output_audio_tokens,
    outputImage: usage.output_image_tokens,
    total: usage.total_tokens,
    audioMs: usage.audio_ms,
    webSearches: usage.web_searches,
  };
}

function knownOf(timeline: WholeCall["timeline"]): Whole["known"] {
  const after = (what: string) => timeline.find((step) => step.what === what)?.after_ms ?? null;
  return {
    admitted: after("admitted"),
    sent: after("sent"),
    headers: after("response_head"),
    firstByte: after("first_byte"),
    ended: after("ended"),
  };
}
