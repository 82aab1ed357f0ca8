"""Request: what a client asks of a model, in no vendor's words.

None and () mean that the client did not say; writers then say nothing either, unless their protocol demands a value.
Fields that only one protocol knows stay in `extensions[protocol]`: its own writer gives them back, every other writer
records them as losses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from axonhub.transformers.hub.parts import CacheMark, Native, Part, Text
from axonhub.transformers.json_types import Json, JsonObject

type Role = Literal["user", "assistant", "system"]
type Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's contribution; `system` in the middle of a conversation is a turn of its own."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionTool:
    name: str
    description: str | None = None
    schema: JsonObject | None = None
    """JSON Schema of the arguments, as the client wrote it; None when it gave none."""
    strict: bool | None = None
    namespace: str | None = None
    cache: CacheMark | None = None
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FreeformTool:
    """A tool whose input is plain text (OpenAI's `custom`), perhaps bound by a grammar."""

    name: str
    description: str | None = None
    format: JsonObject | None = None
    namespace: str | None = None
    native: Native | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class HostedTool:
    """A tool that the provider runs itself (`web_search`, `code_execution`, …)."""

    kind: str
    """The wire type as the client wrote it."""
    native: Native
    name: str | None = None


type Tool = FunctionTool | FreeformTool | HostedTool


@dataclass(frozen=True, slots=True)
class ToolReference:
    """A tool by name; for a hosted tool `name` is its kind."""

    name: str
    namespace: str | None = None
    kind: Literal["function", "freeform", "hosted"] = "function"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`required` with one `allowed` tool is the named choice; several `allowed` narrow the list."""

    mode: Literal["auto", "required", "none"]
    allowed: tuple[ToolReference, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    candidates: int | None = None
    """How many answers (`n`, `candidateCount`)."""

    def asks_for(self, candidate: int) -> bool:
        """Is this one of the answers that the client wants? The first is 0."""
        return candidate < (self.candidates or 1)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much the model shall think, and whether the caller wants to read it."""

    mode: Literal["off", "adaptive", "budget", "effort"]
    """`adaptive`: the model decides, `effort` is a hint; `budget`: at most `budget_tokens`; `effort`: a named level."""
    effort: Effort | None = None
    budget_tokens: int | None = None
    visible: bool | None = None
    """None: not said; False: reasoning text shall not be shown, signatures still are."""
    summary: str | None = None
    """OpenAI Responses: auto, concise or detailed."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """JSON answers: any object when `schema` is None."""

    schema: JsonObject | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Request:
    model: str
    turns: tuple[Turn, ...]
    system: tuple[Text, ...] = ()
    """The leading system prompt, one part per source block."""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    stream: bool = False
    stream_usage: bool | None = None
    """OpenAI chat only: did the client ask for the usage chunk?"""
    reasoning: Reasoning | None = None
    output_format: OutputFormat | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """The caller's labels, without the user id."""
    service_tier: str | None = None
    cache_key: str | None = None
    """OpenAI's `prompt_cache_key`."""
    extensions: Mapping[str, JsonObject] = field(default_factory=dict)
    """Members that no field above can hold, by protocol name, as the client wrote them.

    Top-level ones by their name; nested ones by a path without indexes (`tools[].defer_loading`), once each: those only
    tell other protocols what is lost, their own protocol finds them in the `native` value of the part or tool.
    """
    native_only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Paths, by protocol name, of what no other protocol may leave away: a stored conversation, another server's tools.

    Losing them would change what the caller gets back; every other protocol's writer refuses the request.
    """
