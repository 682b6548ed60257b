/** How to send the first call, for whoever has none in the books. */

import { useGateway } from "@/app/gateway";
import { useWords } from "@/app/preferences";
import { Copy } from "@/parts/copy";
import { Empty } from "@/parts/states";
import "./first-call.css";

export function FirstCall() {
  const words = useWords();
  const gateway = useGateway();
  const curl = [
    `curl ${gateway}/v1/chat/completions \\`,
    `  -H "authorization: Bearer $OPENAI_API_KEY" -H 'content-type: application/json' \\`,
    `  -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How deep is the well?"}]}'`,
  ].join("\n");
  const clients = [
    `export OPENAI_BASE_URL=${gateway}/v1`,
    `export ANTHROPIC_BASE_URL=${gateway}`,
    `export GOOGLE_GEMINI_BASE_URL=${gateway}`,
    `export OLLAMA_HOST=${gateway}`,
  ].join("\n");
  return (
    <Empty title={words.calls.empty.title}>
      <p>{words.calls.empty.text}</p>
      <Snippet text={curl} />
      <p>{words.calls.empty.clients}</p>
      <Snippet text={clients} />
    </Empty>
  );
}

function Snippet({ text }: { text: string }) {
  return (
    <div className="snippet first-call">
      <pre tabIndex={0}>{text}</pre>
      <Copy text={text} />
    </div>
  );
}
