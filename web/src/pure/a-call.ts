/** Calls to test with. */

import type { Call } from "./calls";

/** One that completed, unless told otherwise. */
export function aCall({
  exact,
  ...facts
}: Partial<Omit<Call, "exact">> & { exact?: Partial<Call["exact"]> } = {}): Call {
  return {
    id: "912009126987431936",
    request_id: "912009126987431936",
    provider: "openai",
    model: "gpt-5",
    actual_model: null,
    actual_provider: null,
    proxy_api_key_id: null,
    tool: "codex",
    client_id: "laptop",
    agent: null,
    source: "proxy",
    msg_id: null,
    path: "/v1/responses",
    streamed: 1,
    status: 200,
    prompt_tokens: 0,
    completion_tokens: 0,
    cache_creation_tokens: 0,
    cache_read_tokens: 0,
    reasoning_tokens: 0,
    total_tokens: 0,
    cost_usd: 0,
    cost_status: "unsupported",
    lifecycle_status: "completed",
    incomplete: 0,
    error_code: null,
    error_message: null,
    latency_ms: 65,
    started_at: "2026-11-21T15:58:40.184Z",
    finished_at: "2026-11-21T15:58:40.249Z",
    finalized_at: "2026-11-21T15:58:40.249Z",
    meta_json: "{}",
    user_agent: null,
    source_ip: null,
    cliproxy_account: null,
    cliproxy_auth_index: null,
    cliproxy_source: null,
    correlated_at: null,
    exact: {
      state: "completed",
      project_id: null,
      session: null,
      error_code: null,
      input_tokens: null,
      output_tokens: null,
      cache_read_tokens: null,
      cache_write_tokens: null,
      reasoning_tokens: null,
      total_tokens: null,
      cost_usd: null,
      ttft_ms: null,
      ...exact,
    },
    ...facts,
  };
}

/** One that is under way. */
export function anOpenCall(facts: Partial<Omit<Call, "exact">> = {}): Call {
  return aCall({
    lifecycle_status: "pending",
    status: null,
    latency_ms: null,
    exact: { state: "pending" },
    ...facts,
  });
}
