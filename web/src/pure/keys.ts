/** What a key may do, as people write it, and what they paste where once they have it. */

/** `gpt-*, o3` as a list; `null` (everything) where nothing stands. */
export function listOf(text: string): string[] | null {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parts.length === 0 ? null : parts;
}

/** A list as it was typed. */
export function textOf(list: readonly string[] | null): string {
  return (list ?? []).join(", ");
}

/** US dollars as the API takes them: text with at most nine digits after the point. */
export function isAmount(text: string): boolean {
  return /^\d{1,9}(\.\d{1,9})?$/.test(text) && Number(text) > 0;
}

/** What a limit is set to: a budget or a count, or 0, which lets nothing through. */
export function isCeiling(text: string, measure: string): boolean {
  return Number(text) === 0
    ? /^0(\.0{1,9})?$/.test(text)
    : measure === "cost"
      ? isAmount(text)
      : isCount(text);
}

/** A count of one or more. */
export function isCount(text: string): boolean {
  return /^[1-9]\d{0,11}$/.test(text);
}

export interface Snippet {
  readonly name: string;
  /** The file it goes into; without one it is for a shell, or for a program. */
  readonly file?: string;
  readonly text: string;
}

const OPENAI_MODEL = "gpt-4o-mini";
const ANTHROPIC_MODEL = "claude-haiku-4-5";

/** Ready to paste, with the key in it; `gateway` as `http://127.0.0.1:8080`. */
export function snippetsOf(gateway: string, key: string): Snippet[] {
  return [
    {
      name: "curl",
      text: `curl ${gateway}/v1/chat/completions \\
  -H 'authorization: Bearer ${key}' \\
  -H 'content-type: application/json' \\
  -d '{"model":"${OPENAI_MODEL}","messages":[{"role":"user","content":"Hello"}]}'`,
    },
    {
      name: "OpenAI (Python)",
      text: `from openai import OpenAI

client = OpenAI(base_url="${gateway}/v1", api_key="${key}")
answer = client.chat.completions.create(
    model="${OPENAI_MODEL}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
    },
    {
      name: "OpenAI (Node)",
      file: "hello.mjs",
      text: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${gateway}/v1", apiKey: "${key}" });
const answer = await client.chat.completions.create({
  model: "${OPENAI_MODEL}",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.choices[0].message.content);`,
    },
    {
      name: "Anthropic (Python)",
      text: `from anthropic import Anthropic

client = Anthropic(base_url="${gateway}", api_key="${key}")
answer = client.messages.create(
    model="${ANTHROPIC_MODEL}",
    max_tokens=100,
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.content[0].text)`,
    },
    {
      name: "Anthropic (Node)",
      file: "hello.mjs",
      text: `import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: "${gateway}", apiKey: "${key}" });
const answer = await client.messages.create({
  model: "${ANTHROPIC_MODEL}",
  max_tokens: 100,
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.content[0].text);`,
    },
    {
      name: "Claude Code",
      text: `export ANTHROPIC_BASE_URL=${gateway}
export ANTHROPIC_AUTH_TOKEN=${key}
claude`,
    },
    {
      name: "Codex",
      file: "~/.codex/config.toml",
      text: `# and in the shell: export WELLHEAD_KEY=${key}
model_provider = "wellhead"

[model_providers.wellhead]
name = "Wellhead"
base_url = "${gateway}/v1"
env_key = "WELLHEAD_KEY"
wire_api = "responses"`,
    },
    {
      name: "OpenCode",
      file: "opencode.json",
      text: `{
  "$schema": "https://opencode.ai/config.json",
  "provider": {
    "openai": { "options": { "baseURL": "${gateway}/v1", "apiKey": "${key}" } },
    "anthropic": { "options": { "baseURL": "${gateway}/v1", "apiKey": "${key}" } }
  }
}`,
    },
  ];
}
