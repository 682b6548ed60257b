import { describe, expect, it } from "vitest";
import type { CallWithAttempts } from "@/api/schema";
import { aCall } from "./a-call";
import { wholeOf } from "./whole-call";

const timeline = [
  { what: "began", at: "2026-03-01T09:11:58.160Z", after_ms: 0 },
  { what: "sent", at: null, after_ms: null },
  { what: "response_head", at: "2026-03-01T09:11:58.470Z", after_ms: 310.5 },
];
const usage = { input_tokens: 0, output_tokens: null };
const call = { ...aCall(), attempts: [], wellhead: { usage, timeline } } as unknown as CallWithAttempts;

describe("a whole call", () => {
  it("knows a count of nothing from one that nobody told", () =>
    expect(wholeOf(call).counted).toMatchObject({ input: 0, output: null }));
  it("has the moments that were noted, and no others", () =>
    expect(wholeOf(call).known).toEqual({
      admitted: null,
      sent: null,
      headers: 310.5,
      firstByte: null,
      ended: null,
    }));
});
