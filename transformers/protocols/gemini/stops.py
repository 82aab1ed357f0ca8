"""finishReason and blockReason ⇄ why the model stopped."""

from typing import Final

from axonhub.transformers.fields import as_mapping, as_text
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.json_types import JsonObject

_REASONS: Final[dict[str, StopReason]] = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.FILTER,
    "RECITATION": StopReason.FILTER,
    "BLOCKLIST": StopReason.FILTER,
    "PROHIBITED_CONTENT": StopReason.FILTER,
    "SPII": StopReason.FILTER,
    "MODEL_ARMOR": StopReason.FILTER,
    "IMAGE_SAFETY": StopReason.FILTER,
    "IMAGE_PROHIBITED_CONTENT": StopReason.FILTER,
    "IMAGE_RECITATION": StopReason.FILTER,
    "IMAGE_OTHER": StopReason.FILTER,
}
_BROKEN: Final = frozenset(
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS "
    "MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE".split()
)
"""The model's own mistakes: no answer, although the status is 200."""
_WRITTEN: Final[dict[StopReason, str]] = {
    StopReason.END: "STOP",
    StopReason.SEQUENCE: "STOP",
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.TOOL: "STOP",
    StopReason.FILTER: "SAFETY",
    StopReason.PAUSE: "STOP",
}
UNSPECIFIED: Final = "FINISH_REASON_UNSPECIFIED"


def read_stop(finish_reason: str, message: str, called_tool: bool) -> StopReason | Failure:
    """Gemini says STOP for calls too. Words of the future are a plain end."""
    if finish_reason in _BROKEN:
        return Failure(FailureKind.SERVER, f"Gemini stopped with {finish_reason}: {message}"[:2000].rstrip(": "))
    reason = _REASONS.get(finish_reason, StopReason.END)
    return StopReason.TOOL if called_tool and reason is StopReason.END else reason


def unknown_word(finish_reason: str) -> str | None:
    """The reason itself, where nobody here knows it; Google's OTHER says nothing."""
    return finish_reason if finish_reason and finish_reason not in _REASONS and finish_reason != "OTHER" else None


def write_stop(reason: StopReason) -> str:
    return _WRITTEN[reason]


def block(body: JsonObject) -> str | None:
    """What to tell the caller of a prompt that was not let through; None when it was."""
    feedback = as_mapping(body.get("promptFeedback"))
    reason = as_text(feedback.get("blockReason"))
    if not reason:
        return None
    message = as_text(feedback.get("blockReasonMessage"))
    return f"The provider blocked the prompt ({reason}){f': {message}' if message else '.'}"
