/** What a key may do, as people write it, and what they paste where once they have it. */

/** `gpt-*, o3` as a list; `null` (everything) where nothing stands. */
export function listOf(text: string): string[] | null {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parts.length === 0 ? null : parts;
}

/** US dollars as the API takes them: text with at most nine digits after the point. */
export function isAmount(text: string): boolean {
  return /^\d{1,9}(\.\d{1,9})?$/.test(text) && Number(text) > 0;
}

/** A count of one or more. */
export function isCount(text: string): boolean {
  return /^[1-9]\d{0,11}$/.test(text);
}

export interface Snippet {
  readonly name: string;
  readonly text: string;
}

const MODEL = "gpt-4o-mini";

/** Ready to paste, with the key in it; `gateway` as `http://127.0.0.1:8080`. */
export function snippetsOf(gateway: string, key: string): Snippet[] {
  return [
    {
      name: "curl",
      text: `curl ${gateway}/v1/chat/completions \\
  -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\
  -d '{"model":"${MODEL}","messages":[{"role":"user","content":"Hello"}]}'`,
    },
    {
      name: "OpenAI (Python)",
      text: `from openai import OpenAI

client = OpenAI(base_url="${gateway}/v1", api_key="${key}")
answer = client.chat.completions.create(
    model="${MODEL}", messages=[{"role": "user", "content": "Hello"}]
)`,
    },
    {
      name: "OpenAI (Node)",
      text: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${gateway}/v1", apiKey: "${key}" });`,
    },
    {
      name: "Anthropic (Python)",
      text: `from anthropic import Anthropic

client = Anthropic(base_url="${gateway}", api_key="${key}")`,
    },
    {
      name: "Claude Code",
      text: `export ANTHROPIC_BASE_URL=${gateway}
export ANTHROPIC_AUTH_TOKEN=${key}
claude`,
    },
    {
      name: "Codex",
      text: `# ~/.codex/config.toml
model_provider = "wellhead"

[model_providers.wellhead]
name = "Wellhead"
base_url = "${gateway}/v1"
env_key = "WELLHEAD_KEY"
wire_api = "responses"

# then, in the shell: export WELLHEAD_KEY=${key}`,
    },
    {
      name: "OpenCode",
      text: `{
  "provider": {
    "openai": { "options": { "baseURL": "${gateway}/v1", "apiKey": "${key}" } },
    "anthropic": { "options": { "baseURL": "${gateway}/v1", "apiKey": "${key}" } }
  }
}`,
    },
  ];
}
