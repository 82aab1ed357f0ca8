"""finish_reason ⇄ why the model stopped."""

from typing import Final

from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.responses import StopReason

_REASONS: Final[dict[str, StopReason]] = {
    "stop": StopReason.END,
    "eos": StopReason.END,
    "end_turn": StopReason.END,
    "stop_sequence": StopReason.SEQUENCE,
    "length": StopReason.LENGTH,
    "max_tokens": StopReason.LENGTH,
    "model_length": StopReason.LENGTH,  # Mistral
    "model_context_window_exceeded": StopReason.LENGTH,  # Z.ai
    "tool_calls": StopReason.TOOL,
    "tool_use": StopReason.TOOL,
    "function_call": StopReason.TOOL,
    "content_filter": StopReason.FILTER,
    "sensitive": StopReason.FILTER,  # Z.ai
    "safety": StopReason.FILTER,
}
_FAILURES: Final[dict[str, Failure]] = {
    "error": Failure(FailureKind.SERVER, "the provider stopped with an error"),
    "network_error": Failure(FailureKind.SERVER, "the provider's model stopped with a network error"),  # Z.ai
    "insufficient_system_resource": Failure(  # DeepSeek
        FailureKind.OVERLOADED, "the provider ran out of resources in the middle of the answer"
    ),
}
_WRITTEN: Final[dict[StopReason, str]] = {
    StopReason.END: "stop",
    StopReason.SEQUENCE: "stop",
    StopReason.LENGTH: "length",
    StopReason.TOOL: "tool_calls",
    StopReason.FILTER: "content_filter",
    StopReason.PAUSE: "stop",
}


def read_stop(finish_reason: str, called_tool: bool) -> StopReason | Failure:
    """A finished call beats `stop`, but neither length nor filter; `tool_calls` without any call is a plain end."""
    word = finish_reason.lower()
    if failure := _FAILURES.get(word):
        return failure
    reason = _REASONS.get(word, StopReason.END)
    if reason in (StopReason.END, StopReason.TOOL):
        return StopReason.TOOL if called_tool else StopReason.END
    return reason


def unknown_word(finish_reason: str) -> str | None:
    """The reason itself, where it is a word of the future or of a vendor."""
    return None if finish_reason.lower() in _REASONS else finish_reason


def write_stop(reason: StopReason, called_tool: bool, legacy: bool = False) -> str:
    """A call beats a plain stop, whatever the provider said. `legacy`: the client asked with `functions`."""
    word = "tool_calls" if called_tool and _WRITTEN[reason] == "stop" else _WRITTEN[reason]
    return "function_call" if legacy and word == "tool_calls" else word


def is_tool_stop(finish_reason: str) -> bool:
    return _REASONS.get(finish_reason.lower()) is StopReason.TOOL
