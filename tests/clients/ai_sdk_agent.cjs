// A small agent on the AI SDK of npm, with four tools for files. Arguments: folder with the packages, protocol, base URL,
// key, model, prompt. It works in the current folder, streams each step, and prints what the model says at the end.
const { execSync } = require("node:child_process");
const { readFileSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");

const [, , packages, protocol, baseURL, apiKey, model, prompt] = process.argv;
const installed = createRequire(`${packages}/`);
const { streamText, stepCountIs, jsonSchema, tool } = installed("ai");

const settings = { name: "gateway", baseURL, apiKey };
const MODELS = {
  "anthropic/messages": () => installed("@ai-sdk/anthropic").createAnthropic(settings)(model),
  "openai/chat": () => installed("@ai-sdk/openai-compatible").createOpenAICompatible({ ...settings, includeUsage: true })(model),
  "openai/responses": () => installed("@ai-sdk/openai").createOpenAI(settings).responses(model),
  "gemini/generate_content": () => installed("@ai-sdk/google").createGoogleGenerativeAI(settings)(model),
};
const OPTIONS = {
  anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } },
  openai: { reasoningEffort: "high", reasoningSummary: "auto", store: false, include: ["reasoning.encrypted_content"] },
  gateway: { reasoningEffort: "high" },
  google: { thinkingConfig: { includeThoughts: true } },
};

function defined(description, names, execute) {
  const properties = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
  const inputSchema = jsonSchema({ type: "object", properties, required: names, additionalProperties: false });
  return tool({ description, inputSchema, execute });
}

function edit({ file, old, new: fresh }) {
  writeFileSync(file, readFileSync(file, "utf8").replace(old, () => fresh));
  return "edited";
}

const tools = {
  write: defined("writes a file", ["file", "content"], ({ file, content }) => (writeFileSync(file, content), "written")),
  read: defined("reads a file", ["file"], ({ file }) => readFileSync(file, "utf8")),
  edit: defined("replaces a text in a file", ["file", "old", "new"], edit),
  run: defined("runs a command", ["command"], ({ command }) => execSync(command, { encoding: "utf8" })),
};

async function main() {
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const result = streamText({
    model: MODELS[protocol](),
    system: "You are a test.",
    prompt,
    tools,
    stopWhen: stepCountIs(10),
    maxRetries: 0,
    maxOutputTokens: 8000,
    providerOptions: OPTIONS,
    onError: ({ error }) => {
      console.error(error);
      process.exitCode = 1;
    },
  });
  console.log(await result.text);
}

main();
