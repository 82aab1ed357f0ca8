"""Parts of an answer: hub → wire, for a client."""

from dataclasses import replace

from axonhub.transformers.call_ids import minted_call_id
from axonhub.transformers.hub.parts import (
    Audio,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Media,
    Native,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocols.gemini.arguments import arguments_object
from axonhub.transformers.protocols.gemini.names import NAME
from axonhub.transformers.protocols.gemini.signing import redacted_part, signed


def shows_thoughts(request: Request) -> bool:
    """Gemini's clients read thoughts only when they asked for them."""
    return request.reasoning is not None and request.reasoning.visible is True


def written_part(part: Part, with_thoughts: bool) -> JsonObject | None:
    """One wire part; None for what Gemini's protocol has no words for and for what says nothing."""
    match part:
        case Text(native=Native(protocol=protocol, value=value)) if protocol == NAME and is_code(value):
            return value
        case Text(text):
            return signed({"text": text}, part.signature) if text or part.signature else None
        case Refusal(text):
            return {"text": text} if text else None
        case Thinking():
            return written_thought(part, with_thoughts)
        case ToolCall():
            return signed({"functionCall": _call(part)}, part.signature)
        case Image(source=source) | Audio(source=source) | Video(source=source):
            return _media(source)
        case Document(source=Inline() | Link() | FileReference() as source):
            return _media(source)
        case Hosted(native=native, text=text):
            return native.value if native.protocol == NAME else None
        case Unknown(native=native):
            return native.value if native.protocol == NAME else None
        case _:
            return None


def written_thought(part: Thinking, with_thoughts: bool) -> JsonObject | None:
    """A thought that the client shall not see still brings its signature, or the next turn would be refused."""
    if part.redacted is not None:
        return redacted_part(part)
    text = part.text if with_thoughts else ""
    return signed({"text": text, "thought": True}, part.signature) if text or part.signature else None


def is_code(value: JsonObject) -> bool:
    """Code that Gemini ran or its outcome: text to others, a part of its own to Gemini's clients."""
    return "executableCode" in value or "codeExecutionResult" in value


def identified(call: ToolCall, seed: str, index: int) -> ToolCall:
    """The call with an id: clients that keep ids cannot keep an empty one. `index` is its place in the answer."""
    return call if call.id else replace(call, id=minted_call_id(seed, index, "call_"))


def _call(call: ToolCall) -> JsonObject:
    return {"id": call.id, "name": call.name, "args": arguments_object(call)}


def _media(source: Media) -> JsonObject:
    match source:
        case Inline(media_type, data):
            return {"inlineData": {"mimeType": media_type, "data": data}}
        case Link(url, media_type):
            return {"fileData": {"fileUri": url, **({"mimeType": media_type} if media_type else {})}}
        case FileReference(file_id):
            return {"fileData": {"fileUri": file_id}}
