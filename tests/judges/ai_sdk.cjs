// The AI SDK of npm as judge: reads one question per line, answers one line. Arguments: the folder with its packages.
// A question: {protocol, streamed, status, contentType, body}. An answer: {text, reasoning, calls, reason, usage, error}.
const { createRequire } = require("node:module");
const readline = require("node:readline");

const installed = createRequire(`${process.argv[2]}/`);
const { streamText, generateText, jsonSchema, tool } = installed("ai");
const { createAnthropic } = installed("@ai-sdk/anthropic");
const { createOpenAI } = installed("@ai-sdk/openai");
const { createOpenAICompatible } = installed("@ai-sdk/openai-compatible");
const { createGoogleGenerativeAI } = installed("@ai-sdk/google");

globalThis.AI_SDK_LOG_WARNINGS = false;
const settings = (fetch) => ({ name: "judged", apiKey: "k", baseURL: "http://127.0.0.1:1", fetch });
const MODELS = {
  "anthropic/messages": (fetch) => createAnthropic(settings(fetch))("m"),
  "openai/chat": (fetch) => createOpenAICompatible({ ...settings(fetch), includeUsage: true })("m"),
  "openai/chat as OpenAI's own": (fetch) => createOpenAI(settings(fetch)).chat("m"),
  "openai/responses": (fetch) => createOpenAI(settings(fetch)).responses("m"),
  "gemini/generate_content": (fetch) => createGoogleGenerativeAI(settings(fetch))("m"),
};
const any = () => tool({ description: "any", inputSchema: jsonSchema({ type: "object" }) });
const tools = { read: any(), write: any(), now: any() };

function told(error) {
  return { message: String(error?.message ?? error), status: error?.statusCode ?? null, body: error?.responseBody ?? null };
}

async function streamed(asked) {
  const seen = { text: "", reasoning: "", calls: [], reason: null, usage: null, error: null };
  const note = (error) => (seen.error ??= told(error));
  const result = streamText({ ...asked, onError: ({ error }) => note(error) });
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") seen.text += part.text;
    if (part.type === "reasoning-delta") seen.reasoning += part.text;
    if (part.type === "tool-call") seen.calls.push({ name: part.toolName, input: part.input, invalid: Boolean(part.invalid) });
    if (part.type === "error") note(part.error);
    if (part.type === "finish") Object.assign(seen, { reason: part.finishReason, usage: part.totalUsage });
  }
  return seen;
}

async function whole(asked) {
  const { text, reasoningText, toolCalls, finishReason, usage } = await generateText(asked);
  const calls = toolCalls.map((call) => ({ name: call.toolName, input: call.input, invalid: Boolean(call.invalid) }));
  return { text, reasoning: reasoningText ?? "", calls, reason: finishReason, usage, error: null };
}

async function judged(question) {
  const response = () => new Response(question.body, { status: question.status, headers: { "content-type": question.contentType } });
  const asked = { model: MODELS[question.protocol](async () => response()), prompt: "hi", tools, maxRetries: 0 };
  try {
    return await (question.streamed ? streamed(asked) : whole(asked));
  } catch (error) {
    return { text: "", reasoning: "", calls: [], reason: null, usage: null, error: told(error) };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await judged(JSON.parse(line)))}\n`);
  }
}

main();
