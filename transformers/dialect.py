"""A dialect: how one vendor's version of a protocol differs, as data. Channel types hold one; writers, readers ask it.

The defaults are the conservative ones of a plain OpenAI-compatible server. Facts and sources: docs/protocols.md.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from axonhub.transformers.hub.requests import Effort

type Vocabulary = Literal["o200k_base", "deepseek_v3", "glm4", "kimi_k2", "mistral_v3", "qwen3"]
"""The published vocabularies that token estimates are made with."""


type Flag = bool | int | str | tuple[str, ...] | tuple[int, ...]
"""What a flag of a dialect can be."""


@dataclass(frozen=True, slots=True)
class ModelRule:
    """What differs for some models of a dialect."""

    models: str
    """Pattern, searched in the model's name."""
    flags: tuple[tuple[str, Flag], ...]
    """Names and values of the dialect's fields."""


def models(pattern: str, **flags: Flag) -> ModelRule:
    return ModelRule(pattern, tuple(flags.items()))


@dataclass(frozen=True, slots=True)
class Dialect:
    signature_origin: str = ""
    """Who signs this channel's output (`ant`, `gem-aistudio`, …); "" = nobody, signatures are not replayed to it."""

    models: tuple[ModelRule, ...] = ()
    """What differs for some models; of several that fit, the last one says it."""
    adaptive_effort: Effort = "high"
    """What a client means who asks for adaptive thinking and names no effort (Anthropic's documented default)."""
    budgets: tuple[int, ...] = (512, 1024, 8192, 24576, 32768)
    """Thinking tokens for minimal, low, medium, high and xhigh, where a budget must be sent for a named effort."""

    # -- estimates of input tokens (docs/counting.md)
    vocabulary: Vocabulary = "o200k_base"
    """In which of the published vocabularies text is counted."""
    token_percent: int = 100
    """Tokens of its models for a hundred of the vocabulary's, where its own vocabulary is not published."""
    tools_tokens: int = 150
    """What it costs to have tools at all: the chat templates of open models explain their use at length."""
    long_tools_models: str = ""
    """Pattern (searched in the model's name) of the models that are told more of the use of tools. "": none."""
    long_tools_tokens: int = 0
    """What it costs them to have tools, instead of `tools_tokens`."""
    tool_tokens: int = 20
    """What each tool costs beyond its words."""
    call_tokens: int = 8
    """What each tool call and each tool result costs beyond its words."""
    format_tokens: int = 5
    """What a demand for JSON costs beyond the schema."""

    # -- OpenAI chat family
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """Where reasoning of earlier turns is sent; both names are always understood in answers."""
    reasoning_replay: Literal["never", "tool_loop", "always"] = "never"
    """Send the model's earlier reasoning back: not at all, for tool calls since the last user message, always."""
    reasoning_control: Literal["none", "effort", "thinking_type", "enable_thinking", "reasoning_object", "template"] = (
        "effort"
    )
    """How thinking is asked for: `reasoning_effort`, `thinking: {type}`, `enable_thinking`, `reasoning: {…}`,
    `chat_template_kwargs: {enable_thinking}`."""
    efforts: tuple[Effort, ...] = ("low", "medium", "high")
    """The levels that effort, or Gemini's `thinkingLevel`, takes, in rising order; another one goes to the nearest."""
    reasoning_models: str = ""
    """Pattern (searched in the model's name) of the models that always think: they alone are sent an effort. "": no
    such rule, every model is sent one and thinking that is switched off is not mentioned."""
    fixed_sampling: bool = False
    """The models of `reasoning_models` refuse temperature, top_p, penalties and log probabilities."""
    reasoning_details: bool = False
    """`reasoning_details` come with answers and are sent back unmodified (openrouter)."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the limit of an answer's tokens is called."""
    text_only_content: bool = False
    """Content lists are refused: text parts are joined into one string."""
    files: bool = False
    """PDF files as parts of a message are understood."""
    images: bool = True
    """Images are understood."""
    middle_system: Literal["system", "developer", "reminder"] = "reminder"
    """A system message in mid-conversation: kept as such, or as a user's reminder in place."""
    leading_system: Literal["system", "developer"] = "system"
    """The role of the system prompt."""
    stream_usage: bool = True
    """`stream_options.include_usage` is understood."""
    strict_tools: bool = False
    """`strict` in tool definitions is understood."""
    json_schema: bool = True
    """`response_format: json_schema` is understood; else json_object."""
    cache_marks: bool = False
    """`cache_control` on content parts is understood (openrouter, qwen); by Responses, `prompt_cache_breakpoint`."""
    cache_breakpoints: bool = False
    """`prompt_cache_breakpoint` on content parts of chat is understood (OpenAI says so of its newest models)."""
    extra_sampling: bool = True
    """top_k and the like are understood beyond OpenAI's own list."""
    omits_terminator: bool = False
    """Streams may end without finish_reason or [DONE] after complete output."""
    think_tags: bool = False
    """Reasoning comes as <think>…</think> inside the text."""
    tool_name_length: int = 64
    """A longer name is cut and told apart by a hash; answers bring the client's own back."""
    call_id_length: int = 64
    """The same for the ids of calls."""
    freeform_tools: bool = False
    """Tools of type `custom` are understood; else they go as functions with one string."""
    allowed_tools: bool = False
    """`tool_choice: {type: allowed_tools}` is understood; else the tool list is cut to the allowed ones."""
    web_search: bool = False
    """`web_search_options` is understood."""
    openai_fields: bool = False
    """OpenAI's own members are understood: prompt_cache_key, service_tier, metadata, verbosity."""
    candidates: bool = False
    """Several answers to one request (`n`, `candidateCount`); else a converted request for them is refused."""
    stop_limit: int | None = None
    """At most so many stop sequences; None: no limit known."""

    # -- Anthropic family
    system_in_messages: bool = False
    """role "system" inside `messages` is understood."""
    default_max_tokens: int = 8192
    """Where the protocol demands a limit and the client gave none."""
    adaptive_thinking: bool = False
    """`thinking: {type: adaptive}` with `output_config.effort` is understood; else a token budget is sent."""
    billing_block: bool = False
    """Keep Claude Code's `x-anthropic-billing-header` system block (Anthropic's own service only)."""
    sampling: bool = True
    """temperature, top_p and top_k are understood; the newest models refuse them."""
    thinking_top_p: bool = False
    """A top_p of 0.95 and more may stand beside thinking; else it is left out."""
    blank_stop: bool = False
    """Stop sequences of white space alone are understood."""
    assistant_first: bool = False
    """A conversation may begin with the assistant; else a user's line is put before it."""
    sampling_pair: bool = False
    """temperature and top_p may stand together; Claude models since 4.1 take one of the two."""
    own_web_search: str = ""
    """The wire type of the provider's web search, which other protocols' web searches become; "": it has none."""
    automatic_cache: bool = False
    """Ask for automatic prompt caching when the caller marked nothing."""

    # -- OpenAI Responses family (shares the chat family's fields)
    namespaces: bool = False
    """Tools grouped as `namespace` are understood; else they go as functions with joined names."""
    reasoning_summaries: bool = False
    """Ask for summaries whenever the caller wants thinking and does not say that it wants to see none; else only when
    it asks to see it. OpenAI refuses them to organisations that it has not verified."""
    least_output_tokens: int = 16
    """A smaller `max_output_tokens` is refused, and raised to it."""

    # -- Gemini family
    gemini_schema: Literal["json", "message"] = "json"
    """Schemas of tools and answers as JSON Schema, or as the older Schema message (Vertex, older models)."""
    thinking_control: Literal["none", "budget", "level"] = "budget"
    """`thinkingBudget`, which every thinking model takes, or `thinkingLevel`, which Gemini 3 prefers, 2.5 refuses."""
    thinking_off_tokens: int = 128
    """The budget for no thinking: 0 switches it off in flash models and is refused by pro models (least 128)."""
    thinking_most_tokens: int = 24576
    """The largest budget that the models take (2.5 flash; 2.5 pro takes 32768)."""
    media_in_results: bool = False
    """Images and files stand inside a function's response (Gemini 3); else behind all responses of the turn."""
    part_resolution: bool = False
    """`mediaResolution` of a single image is understood (Gemini 3)."""
    fetches_links: bool = False
    """The provider fetches http(s) addresses of images and documents itself."""
    labels: bool = False
    """`labels` are understood (Vertex)."""
    count_wrapped: bool = True
    """countTokens takes the request under `generateContentRequest` (AI Studio); else its members directly (Vertex)."""
    hosted_with_functions: bool = False
    """The provider's own tools may stand beside function declarations (Gemini 3)."""
    format_with_functions: bool = False
    """JSON may be demanded of an answer beside function declarations (Gemini 3); else it is asked for in words."""

    def of_model(self, model: str) -> "Dialect":
        """This dialect as it is for one model."""
        return _of_model(self, model) if self.models else self


@lru_cache(maxsize=1024)
def _of_model(dialect: Dialect, model: str) -> Dialect:
    fitting = (rule for rule in dialect.models if re.search(rule.models, model))
    flags = {name: value for rule in fitting for name, value in rule.flags}
    return replace(dialect, **flags)  # type: ignore[arg-type]  # a test reads the rules of all dialects
