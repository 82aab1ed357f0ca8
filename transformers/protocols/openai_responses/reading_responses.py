"""A whole Response object → a hub response; also the items and the stop reason that streams end with."""

from collections.abc import Callable, Iterator
from typing import Final

from axonhub.transformers.call_ids import minted_call_id
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.fields import as_mapping, as_objects, as_text
from axonhub.transformers.hub.failures import Failure
from axonhub.transformers.hub.parts import Part, Refusal, Text, Thinking, ToolCall, annotation
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.openai_logprobs import read_tokens
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.protocols.openai_responses.failures import read_told_failure
from axonhub.transformers.protocols.openai_responses.hosted_items import hosted
from axonhub.transformers.protocols.openai_responses.names import NAME, SEPARATOR
from axonhub.transformers.protocols.openai_responses.reading_items import generated_image, thinking
from axonhub.transformers.protocols.openai_responses.usage import read_usage
from axonhub.transformers.tool_names import freeform_input

_INCOMPLETE: Final = {"max_output_tokens": StopReason.LENGTH, "content_filter": StopReason.FILTER}
_KEPT: Final = ("service_tier",)


def read_response(body: JsonObject, dialect: Dialect, undo: Undo) -> Response | Failure:
    """Unreadable when it is neither an answer nor an error."""
    status = body.get("status")
    if body.get("error") is not None or status in ("failed", "cancelled"):
        return read_told_failure(body.get("error") or {"message": f"The provider's response was {status}."})
    output = body.get("output")
    if not isinstance(output, list):
        raise Unreadable("must be a list", "output")
    reader = ItemReader(dialect, undo, as_text(body.get("id")) or "")
    parts = tuple(part for item in as_objects(output) for part in reader.parts(item))
    return Response(
        parts,
        stop_reason(body, any(isinstance(part, ToolCall) for part in parts)),
        read_usage(body.get("usage")),
        id=as_text(body.get("id")),
        model=as_text(body.get("model")),
        extensions=_extensions(body),
    )


def stop_reason(response: JsonObject, called: bool) -> StopReason:
    """Why a completed or incomplete response ended. A tool call does not outrank a length limit or a filter."""
    if response.get("status") == "incomplete" or response.get("incomplete_details"):
        reason = as_text(as_mapping(response.get("incomplete_details")).get("reason"))
        return _INCOMPLETE.get(reason or "", StopReason.LENGTH)
    return StopReason.TOOL if called else StopReason.END


def _extensions(body: JsonObject) -> dict[str, JsonObject]:
    kept = {name: body[name] for name in _KEPT if body.get(name) is not None}
    return {NAME: kept} if kept else {}


class ItemReader:
    """Output items → parts, lenient: a member of the wrong type counts as absent. Calls without an id get one."""

    def __init__(self, dialect: Dialect, undo: Undo, seed: str) -> None:
        self._dialect, self._undo, self._seed = dialect, undo, seed
        self._minted = self._unnamed = 0

    def parts(self, item: JsonObject) -> Iterator[Part]:
        kind = as_text(item.get("type")) or ("message" if "content" in item else "")
        reader = _READERS.get(kind)
        if reader is not None:
            yield from reader(self, item)
        elif kind:
            yield hosted(kind, item)

    def message(self, item: JsonObject) -> Iterator[Part]:
        for part in as_objects(item.get("content")):
            words = as_text(part.get("text"))
            if words:
                odds = read_tokens(part.get("logprobs"))
                yield Text(words, annotations=annotation(part.get("annotations")), logprobs=odds)
            elif refusal := as_text(part.get("refusal")):
                yield Refusal(refusal)

    def reasoning(self, item: JsonObject) -> Iterator[Part]:
        summary = [as_text(part.get("text")) or "" for part in as_objects(item.get("summary"))]
        content = [as_text(part.get("text")) or "" for part in as_objects(item.get("content"))]
        part = self.thinking(item, SEPARATOR.join(filter(None, summary)) or SEPARATOR.join(filter(None, content)))
        if part.text or part.signature is not None or part.redacted is not None:
            yield part

    def thinking(self, item: JsonObject, words: str) -> Thinking:
        sealed = as_text(item.get("encrypted_content"))
        told = {**item, "id": as_text(item.get("id"))}
        return thinking(told, words, sealed, self._dialect.signature_origin)

    def call(self, item: JsonObject) -> ToolCall:
        """A function or custom call, named as the client named its tool, with the arguments that the item has."""
        freeform = item.get("type") == "custom_tool_call"
        wire_name = as_text(item.get("name")) or self._name()
        namespace = as_text(item.get("namespace")) or None
        reference = self._undo.reference(wire_name)
        kind = "freeform" if freeform or reference.kind == "freeform" else "function"
        arguments = as_text(item.get("input" if freeform else "arguments")) or ""
        return ToolCall(
            id=as_text(item.get("call_id")) or as_text(item.get("id")) or self._mint(),
            name=wire_name if namespace else reference.name,
            arguments=arguments if freeform or kind == "function" else freeform_input(arguments),
            kind="freeform" if kind == "freeform" else "function",
            namespace=namespace or reference.namespace,
            item_id=as_text(item.get("id")),
        )

    def calls(self, item: JsonObject) -> Iterator[Part]:
        yield self.call(item)

    def image(self, item: JsonObject) -> Iterator[Part]:
        if data := as_text(item.get("result")):
            yield generated_image(item, data)

    def _name(self) -> str:
        """A call without a name is still shown, so that its result has something to answer."""
        self._unnamed += 1
        return f"tool_{self._unnamed - 1}"

    def _mint(self) -> str:
        self._minted += 1
        return minted_call_id(self._seed, self._minted, "call_")


_READERS: Final[dict[str, Callable[[ItemReader, JsonObject], Iterator[Part]]]] = {
    "message": ItemReader.message,
    "reasoning": ItemReader.reasoning,
    "function_call": ItemReader.calls,
    "custom_tool_call": ItemReader.calls,
    "image_generation_call": ItemReader.image,
}
