"""Why the model stopped, on Anthropic's wire."""

from typing import Final

from axonhub.transformers.fields import as_mapping, as_text
from axonhub.transformers.hub.events import Stop
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.json_types import Json, JsonObject

_READ: Final = {
    "end_turn": StopReason.END,
    "stop_sequence": StopReason.SEQUENCE,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "tool_use": StopReason.TOOL,
    "refusal": StopReason.FILTER,
    "pause_turn": StopReason.PAUSE,
    "compaction": StopReason.PAUSE,
}
_WRITTEN: Final = {
    StopReason.END: "end_turn",
    StopReason.SEQUENCE: "stop_sequence",
    StopReason.LENGTH: "max_tokens",
    StopReason.TOOL: "tool_use",
    StopReason.FILTER: "refusal",
    StopReason.PAUSE: "pause_turn",
}


def read_stop(source: JsonObject) -> Stop | None:
    """From a message or a message_delta's `delta`; None when it has no reason yet. An unknown reason is an end."""
    reason = as_text(source.get("stop_reason"))
    if reason is None:
        return None
    detail = as_mapping(source.get("stop_details")) or None
    word = None if reason in _READ else reason
    return Stop(_READ.get(reason, StopReason.END), as_text(source.get("stop_sequence")), detail, word)


def write_stop(reason: StopReason, sequence: str | None, detail: JsonObject | None, called_tool: bool) -> JsonObject:
    """`called_tool`: a tool block was really written. It beats an end, but neither a limit nor a filter."""
    if reason in (StopReason.END, StopReason.SEQUENCE, StopReason.TOOL):
        reason = StopReason.TOOL if called_tool else StopReason.END if reason is StopReason.TOOL else reason
    stop: dict[str, Json] = {
        "stop_reason": _WRITTEN[reason],
        "stop_sequence": sequence if reason is StopReason.SEQUENCE else None,
    }
    if reason is StopReason.FILTER:
        own = detail is not None and detail.get("type") == "refusal"
        stop["stop_details"] = detail if own else {"type": "refusal", "category": None, "explanation": None}
    return stop
