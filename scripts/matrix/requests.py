"""Features of requests: each a change of a plain request in hub words, or on the wire of the one protocol that has it.

Nothing here is sent anywhere: bodies are written, read, and written again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    Image,
    Inline,
    Link,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from axonhub.transformers.hub.requests import (
    Effort,
    FreeformTool,
    FunctionTool,
    OutputFormat,
    Reasoning,
    Request,
    Sampling,
    Tool,
    ToolChoice,
    ToolReference,
    Turn,
)
from axonhub.transformers.json_types import JsonObject

PNG: Final = "iVBORw0KGgoAAAANSUhEUg=="
PDF: Final = "JVBERi0xLjQK"
SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
_A: Final = "anthropic/messages"
_C: Final = "openai/chat"
_R: Final = "openai/responses"
_G: Final = "gemini/generate_content"

type Change = Callable[[Request], Request]
type Patch = Callable[[JsonObject], JsonObject]

BASE: Final = Request("gpt-4.1", (Turn("user", (Text("hi"),)),), max_output_tokens=4000)
THINKER: Final = "gpt-5"
"""A model that always thinks, as its name tells OpenAI's dialects."""


@dataclass(frozen=True)
class Feature:
    group: str
    name: str
    change: Change | None = None
    """The plain request with the feature, in hub words."""
    before: Change = lambda request: request
    """The plain request without it, but with what it needs to mean something."""
    said_by: tuple[str, ...] = (_A, _C, _R, _G)
    """Protocols that have a word of their own for it."""
    wire: dict[str, Patch] = field(default_factory=dict)
    """By protocol: the feature as only its own wire can say it."""


def _then(*changes: Change) -> Change:
    def all_of_them(request: Request) -> Request:
        for change in changes:
            request = change(request)
        return request

    return all_of_them


def _set(**members: object) -> Change:
    return lambda request: replace(request, **members)  # type: ignore[arg-type]


def _user(*parts: Part) -> Change:
    return _set(turns=(Turn("user", (Text("hi"), *parts)),))


def _tool(tool: Tool) -> Change:
    return _set(tools=(tool,))


_tools = _set(tools=(FunctionTool("ls", "Lists.", SCHEMA), FunctionTool("cat", "Shows.", SCHEMA)))
_thinker = _set(model=THINKER)


def _choice(mode: Literal["auto", "required", "none"], *names: str, parallel: bool | None = None) -> Change:
    choice = ToolChoice(mode, tuple(map(ToolReference, names)))
    return _then(_tools, _set(tool_choice=choice, parallel_tool_calls=parallel))


def _thinking(
    mode: Literal["off", "adaptive", "budget", "effort"], effort: Effort | None = None, **members: object
) -> Change:
    return _then(_thinker, _set(reasoning=Reasoning(mode, effort, **members)))  # type: ignore[arg-type]


def _sampling(**members: object) -> Change:
    return _set(sampling=Sampling(**members))  # type: ignore[arg-type]


def _history(*said: Part, results: tuple[Part, ...] = (Text("go on"),)) -> Change:
    """An answer of the model and what follows it."""
    turns = (*BASE.turns, Turn("assistant", said), Turn("user", results))
    return _then(_tools, _set(turns=turns))


def _call(call_id: str = "call_1") -> ToolCall:
    return ToolCall(call_id, "ls", '{"a":"b"}')


def _result(*parts: Text | Image | Document, **members: object) -> ToolResult:
    return ToolResult("call_1", parts, **members)  # type: ignore[arg-type]


def _answered(*parts: Text | Image | Document, **members: object) -> Change:
    return _history(_call(), results=(_result(*parts, **members),))


def _member(name: str, value: object) -> Patch:
    return lambda body: {**body, name: value}  # type: ignore[dict-item]


def _inside(outer: str, name: str, value: object) -> Patch:
    def patch(body: JsonObject) -> JsonObject:
        inside = body.get(outer)
        return {**body, outer: {**(inside if isinstance(inside, dict) else {}), name: value}}  # type: ignore[dict-item]

    return patch


_LS: Final = FunctionTool("ls", "Lists.", SCHEMA)
_PATCH: Final = FreeformTool("patch", "Edits.", {"type": "text"})
_GRAMMAR: Final = replace(_PATCH, format={"type": "grammar", "syntax": "lark", "definition": "start: x"})
_IMAGE: Final = Image(Inline("image/png", PNG))
_PDF: Final = Document(Inline("application/pdf", PDF), "a.pdf")
_OK: Final = Turn("user", (Text("ok"),))
_PATCHED: Final = (
    *BASE.turns,
    Turn("assistant", (ToolCall("call_1", "patch", "*** Begin", "freeform"),)),
    Turn("user", (_result(Text("ok"), kind="freeform"),)),
)

REQUESTS: Final = (
    Feature("System", "one system block", _set(system=(Text("Be kind."),))),
    Feature("System", "several system blocks", _set(system=(Text("Be kind."), Text("Be brief.")))),
    Feature(
        "System",
        "system message in mid-conversation",
        _set(turns=(*BASE.turns, Turn("assistant", (Text("so"),)), Turn("system", (Text("Now!"),)), _OK)),
        _set(turns=(*BASE.turns, Turn("assistant", (Text("so"),)), _OK)),
        (_A, _C, _R),
    ),
    Feature("Content", "image as data", _user(_IMAGE)),
    Feature("Content", "image by link", _user(Image(Link("https://a.example/a.png")))),
    Feature("Content", "image detail", _user(replace(_IMAGE, detail="low")), _user(_IMAGE), (_C, _R, _G)),
    Feature("Content", "PDF as data", _user(_PDF)),
    Feature("Content", "PDF by link", _user(Document(Link("https://a.example/a.pdf")))),
    Feature("Content", "plain-text document", _user(Document((Text("words"),), "notes")), said_by=(_A,)),
    Feature("Content", "audio as data", _user(Audio(Inline("audio/wav", "aGk="), "wav")), said_by=(_C, _G)),
    Feature("Content", "video as data", _user(Video(Inline("video/mp4", "aGk="))), said_by=(_G,)),
    Feature("Content", "cache mark", _set(turns=(Turn("user", (Text("hi", CacheMark()),)),)), said_by=(_A, _C, _R)),
    Feature("Tools", "function tool", _tools),
    Feature("Tools", "strict tool", _tool(replace(_LS, strict=True)), _tool(_LS), (_A, _C, _R)),
    Feature("Tools", "freeform (custom) tool", _tool(_PATCH), said_by=(_C, _R)),
    Feature("Tools", "grammar of a freeform tool", _tool(_GRAMMAR), _tool(_PATCH), (_C, _R)),
    Feature("Tools", "namespace of tools", _tool(replace(_LS, strict=False, namespace="fs")), said_by=(_R,)),
    Feature("Tools", "name of 100 characters", _tool(replace(_LS, name="n" * 100)), said_by=(_A,)),
    Feature(
        "Tools",
        "web search of the provider",
        wire={
            _A: _member("tools", [{"type": "web_search_20250305", "name": "web_search"}]),
            _C: _member("web_search_options", {}),
            _R: _member("tools", [{"type": "web_search"}]),
            _G: _member("tools", [{"googleSearch": {}}]),
        },
    ),
    Feature(
        "Tools",
        "code execution of the provider",
        wire={
            _A: _member("tools", [{"type": "code_execution_20250825", "name": "code_execution"}]),
            _R: _member("tools", [{"type": "code_interpreter", "container": {"type": "auto"}}]),
            _G: _member("tools", [{"codeExecution": {}}]),
        },
    ),
    Feature(
        "Tools",
        "vendor's tool that the client runs (bash, shell)",
        wire={
            _A: _member("tools", [{"type": "bash_20250124", "name": "bash"}]),
            _R: _member("tools", [{"type": "local_shell"}]),
        },
    ),
    Feature("Tool choice", "none", _choice("none"), _tools),
    Feature("Tool choice", "any tool", _choice("required"), _tools),
    Feature("Tool choice", "one tool", _choice("required", "ls"), _tools),
    Feature("Tool choice", "some tools (allowed_tools)", _choice("required", "ls", "cat"), _tools, (_C, _R, _G)),
    Feature("Tool choice", "one call at a time", _choice("auto", parallel=False), _choice("auto"), (_A, _C, _R)),
    Feature("History", "call and result", _answered(Text("ok")), _tools),
    Feature(
        "History",
        "parallel calls and results",
        _history(_call(), _call("call_2"), results=(_result(Text("ok")), ToolResult("call_2", (Text("ok"),)))),
        _tools,
    ),
    Feature("History", "failed result", _answered(Text("no"), is_error=True), _answered(Text("no")), (_A, _G)),
    Feature("History", "image in a result", _answered(Text("see"), _IMAGE), _answered(Text("see")), (_A, _R, _G)),
    Feature("History", "PDF in a result", _answered(Text("see"), _PDF), _answered(Text("see")), (_A, _R, _G)),
    Feature(
        "History",
        "freeform call and result",
        _then(_tool(_PATCH), _set(turns=_PATCHED)),
        _tool(_PATCH),
        (_C, _R),
    ),
    Feature(
        "History",
        "unsigned reasoning text",
        _history(Thinking("because"), _call(), results=(_result(Text("ok")),)),
        _answered(Text("ok")),
        (_C,),
    ),
    Feature("Thinking", "off", _thinking("off"), _thinker),
    Feature("Thinking", "effort high", _thinking("effort", "high"), _thinker),
    Feature("Thinking", "effort max", _thinking("effort", "max"), _thinker),
    Feature("Thinking", "adaptive", _thinking("adaptive", "medium"), _thinker, (_A,)),
    Feature("Thinking", "token budget", _thinking("budget", budget_tokens=2000), _thinker, (_A, _G)),
    Feature(
        "Thinking",
        "readable summary",
        _thinking("effort", "high", visible=True, summary="auto"),
        _thinking("effort", "high"),
        (_A, _R, _G),
    ),
    Feature("Output", "output limit", _set(max_output_tokens=5000)),
    Feature("Output", "temperature", _sampling(temperature=0.5)),
    Feature(
        "Output",
        "temperature, of a model that always thinks",
        _then(_thinker, _sampling(temperature=0.5)),
        _thinker,
    ),
    Feature("Output", "top_p", _sampling(top_p=0.99)),
    Feature("Output", "top_k", _sampling(top_k=5), said_by=(_A, _G)),
    Feature("Output", "seed", _sampling(seed=7), said_by=(_C, _G)),
    Feature(
        "Output",
        "presence and frequency penalty",
        _sampling(presence_penalty=0.5, frequency_penalty=0.5),
        said_by=(_C, _G),
    ),
    Feature("Output", "logit_bias", _sampling(logit_bias={"50256": -100}), said_by=(_C,)),
    Feature("Output", "log probabilities", _sampling(logprobs=True, top_logprobs=2), said_by=(_C, _R, _G)),
    Feature(
        "Output",
        "several answers",
        wire={_C: _member("n", 2), _G: _inside("generationConfig", "candidateCount", 2)},
    ),
    Feature("Output", "stop sequences", _set(stop=("END", "STOP")), said_by=(_A, _C, _G)),
    Feature("Output", "any JSON object", _set(output_format=OutputFormat()), said_by=(_C, _R, _G)),
    Feature("Output", "JSON by a schema", _set(output_format=OutputFormat(SCHEMA, "answer"))),
    Feature("Output", "verbosity", _set(verbosity="low"), said_by=(_C, _R)),
    Feature(
        "Output",
        "spoken answers",
        wire={
            _C: lambda body: {**body, "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
            _G: _inside("generationConfig", "responseModalities", ["AUDIO"]),
        },
    ),
    Feature("Labels", "user id", _set(user="u1"), said_by=(_A, _C, _R)),
    Feature("Labels", "metadata", _set(metadata={"k": "v"}), said_by=(_C, _R, _G)),
    Feature("Labels", "service tier", _set(service_tier="auto")),
    Feature("Labels", "cache key", _set(cache_key="k1"), said_by=(_C, _R)),
    Feature(
        "State",
        "stored conversation or prompt",
        wire={
            _R: _member("previous_response_id", "resp_1"),
            _G: _member("cachedContent", "cachedContents/1"),
        },
    ),
    Feature("State", "answer in the background", wire={_R: _member("background", True)}),
    Feature(
        "State",
        "MCP servers that the provider calls",
        wire={
            _A: _member("mcp_servers", [{"type": "url", "url": "https://a.example", "name": "a"}]),
            _R: _member("tools", [{"type": "mcp", "server_label": "a", "server_url": "https://a.example"}]),
        },
    ),
    Feature(
        "State",
        "context management",
        wire={
            _A: _member("context_management", {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}),
            _R: _member("context_management", [{"type": "compaction"}]),
        },
    ),
    Feature("State", "truncation", wire={_R: _member("truncation", "auto")}),
    Feature(
        "State",
        "safety settings",
        wire={
            _G: _member("safetySettings", [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]),
        },
    ),
)
