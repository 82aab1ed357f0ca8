"""The conversation: hub → `contents`, for a provider.

Gemini demands that the first content is a user's, that the responses to all calls of a model's turn stand in the next
content and in no company but their own files, and that the last content is a user's. Signatures go back only to the
service that minted them. The first call of each model's turn bears one or Google's stand-in for it, and not only in the
current loop: what is written of a turn must not change later, or the provider's prompt cache is lost.
"""

from typing import Final

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.parts import (
    Audio,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Native,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import ToolReference, Turn
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Loss, Unsupported
from axonhub.transformers.protocols.gemini.arguments import arguments_object, json_value
from axonhub.transformers.protocols.gemini.media_parts import written_media
from axonhub.transformers.protocols.gemini.names import NAME, NO_SIGNATURE, camel
from axonhub.transformers.protocols.gemini.reading_parts import ANSWER, CONTENT, WRAPPERS
from axonhub.transformers.protocols.gemini.signing import own_signature
from axonhub.transformers.protocols.gemini.tool_names import Names

ATTACHED: Final = "(see attached file)"
OPENING: Final = "(start of the conversation)"


class ContentsWriter:
    """Writes the turns of one request; not thread-safe. Losses are told once for each reason."""

    def __init__(self, dialect: Dialect, names: Names, losses: list[Loss]) -> None:
        self._dialect, self._names, self._losses = dialect, names, losses
        self._told: set[str] = set()
        self._called: dict[str, ToolReference] = {}

    def contents(self, turns: tuple[Turn, ...]) -> list[Json]:
        """`turns` are paired. Unsupported when no user's turn is left."""
        written: list[JsonObject] = []
        for index, turn in enumerate(turns):
            path = f"messages[{index}]"
            if turn.role == "assistant":
                written += _content("model", self._model_parts(turn.parts, path))
            else:
                written += self._user_contents(turn.parts, path)
        return self._framed(written)

    def _framed(self, written: list[JsonObject]) -> list[Json]:
        while written and written[-1]["role"] == "model":
            written.pop()
            self.lose("messages", "an answer begun in advance is left out: the last turn must be the user's", "warning")
        if not written:
            raise Unsupported("there is no user message", "messages")
        if written[0]["role"] == "model":
            written.insert(0, {"role": "user", "parts": [{"text": OPENING}]})
            self.lose("messages", "a user turn was put before the first turn, which is the model's", "info")
        return list(written)

    def lose(self, path: str, reason: str, severity: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._losses.append(Loss(path, reason, "info" if severity == "info" else "warning"))

    # -- the model's turns

    def _model_parts(self, parts: tuple[Part, ...], path: str) -> list[Json]:
        written: list[Json] = []
        pending: str | None = None
        """A signature that a client kept beside the part that it belongs to."""
        first_call = True
        for part in parts:
            match part:
                case Thinking():
                    pending = self._own(part.signature) or pending
                    written += self._thought(part, path)
                case Text():
                    said: JsonObject = {"text": part.text, **_extras(part.native)}
                    written.append(_signed(said, self._own(part.signature) or pending))
                    pending = None
                    self._note(part, path)
                case ToolCall():
                    stand_in = NO_SIGNATURE if first_call and self._dialect.signature_origin else None
                    written.append(_signed(self._call(part), self._own(part.signature) or pending or stand_in))
                    pending, first_call = None, False
                case _:
                    written += self._other(part, path)
        if pending:
            written.append({"text": "", "thoughtSignature": pending})
        return written

    def _own(self, signature: Signature | None) -> str | None:
        own = own_signature(signature, self._dialect.signature_origin) or None
        if signature is not None and own is None:
            self.lose("messages", "signatures of another service are left out", "info")
        return own

    def _thought(self, part: Thinking, path: str) -> list[Json]:
        """Gemini's own thoughts go back; what other models thought means nothing to it."""
        if part.text and ((part.native and part.native.protocol == NAME) or self._own(part.signature)):
            return [{"text": part.text, "thought": True}]
        if part.text or part.redacted:
            self.lose(path, "reasoning of another provider's model is left out", "info")
        return []

    def _call(self, call: ToolCall) -> JsonObject:
        reference = ToolReference(call.name, call.namespace, call.kind)
        self._called[call.id] = reference
        said: JsonObject = {"id": call.id, "name": self._names.wire(reference), "args": arguments_object(call)}
        return {"functionCall": said, **_extras(call.native)}

    def _note(self, part: Part, path: str) -> None:
        """What a text or document brings that Gemini has no place for."""
        if isinstance(part, Text) and part.annotations:
            self.lose(path, "citations of earlier texts are left out", "info")
        if isinstance(part, Document):
            if part.citations:
                self.lose(path, "Gemini cites no documents", "warning")
            for each in part.source if isinstance(part.source, tuple) else ():
                self._note(each, path)

    # -- the user's turns

    def _user_contents(self, parts: tuple[Part, ...], path: str) -> list[JsonObject]:
        """Responses to calls stand apart from what the user says beside them."""
        results = [part for part in parts if isinstance(part, ToolResult)]
        others = [part for part in parts if not isinstance(part, ToolResult)]
        written = _content("user", self._results(results, path))
        return written + _content("user", [each for part in others for each in self._other(part, path)])

    def _results(self, results: list[ToolResult], path: str) -> list[Json]:
        responses: list[Json] = []
        beside: list[Json] = []
        for result in results:
            for part in result.parts:
                self._note(part, path)
            files = [each for part in result.parts for each in self._file(part, path)]
            inside = files if self._dialect.media_in_results else []
            said = {**_answer_extras(result.native), **self._response(result, inside, bool(files))}
            responses.append({"functionResponse": said, **_extras(result.native)})
            beside += files if not inside else []
        return responses + beside

    def _response(self, result: ToolResult, inside: list[Json], has_files: bool) -> JsonObject:
        reference = self._called.get(result.call_id) or ToolReference(result.name or result.call_id)
        words = "\n".join(_words(part) for part in result.parts if _words(part))
        if not words and has_files and not inside:
            words = ATTACHED
        response: JsonObject = {
            "id": result.call_id,
            "name": self._names.wire(reference),
            "response": {"error": words} if result.is_error else response_object(words),
        }
        return {**response, "parts": inside} if inside else response

    def _file(self, part: Part, path: str) -> list[Json]:
        match part:
            case Image() | Audio() | Video():
                return self._media(part, path)
            case Document(source=Inline() | Link() | FileReference()):
                return self._media(part, path)
            case Unknown(kind, native):
                if native.protocol == NAME:
                    return [native.value]
                self.lose(path, f"{kind!r} in a tool's result is unknown to Gemini", "warning")
        return []

    # -- parts of either side

    def _other(self, part: Part, path: str) -> list[Json]:
        match part:
            case Text(text):
                self._note(part, path)
                return [_signed({"text": text, **_extras(part.native)}, self._own(part.signature))]
            case Refusal(text):
                return [{"text": text}]
            case Document(source=tuple()):
                self._note(part, path)
                return [{"text": _words(part)}]
            case Document():
                heading: JsonObject = {"text": _words(part)}
                return [*([heading] if heading["text"] else []), *self._media(part, path)]
            case Thinking():
                return self._thought(part, path)
            case Image() | Audio() | Video():
                return self._media(part, path)
            case Hosted(kind, native, text):
                return self._foreign(kind, native.protocol, native.value, text, path)
            case Unknown(kind, native):
                return self._foreign(kind, native.protocol, native.value, "", path)
            case _:
                self.lose(path, "a part that only the model may say is left out of the user's turn", "warning")
                return []

    def _media(self, part: Image | Document | Audio | Video, path: str) -> list[Json]:
        self._note(part, path)
        written = written_media(part, self._dialect.fetches_links, path)
        return [{**written, **self._options(part, path)}]

    def _options(self, part: Image | Document | Audio | Video, path: str) -> JsonObject:
        """What Gemini's own clients say beside a file, and OpenAI's `detail`."""
        if part.native and part.native.protocol == NAME:
            return _extras(part.native)
        level = _DETAILS.get(part.detail or "") if isinstance(part, Image) else None
        if level and self._dialect.part_resolution:
            return {"mediaResolution": {"level": level}}
        if level:
            self.lose(path, "the detail of single images is left to the model", "info")
        return {}

    def _foreign(self, kind: str, protocol: str, value: JsonObject, text: str, path: str) -> list[Json]:
        """A part that only one protocol can say: its own, or in plain words."""
        if protocol == NAME:
            return [value]
        self.lose(path, f"{kind!r} is {'told as text' if text else 'unknown to Gemini'}", "warning")
        return [{"text": text}] if text else []


def _content(role: str, parts: list[Json]) -> list[JsonObject]:
    return [{"role": role, "parts": parts}] if parts else []


def _signed(part: JsonObject, signature: str | None) -> JsonObject:
    if signature:
        part["thoughtSignature"] = signature
    return part


def _words(part: Part) -> str:
    match part:
        case Text(text):
            return text
        case Document(source=tuple() as source):
            return "\n".join(filter(None, (part.title, part.context, *(each.text for each in source))))
        case Document(title=title, context=context, native=native):
            named = native is not None and native.protocol == NAME
            return "\n".join(filter(None, ("" if named else title, context)))
        case _:
            return ""


def response_object(words: str) -> JsonObject:
    """Gemini takes objects only: one in JSON as it is, anything else as the text of `result`."""
    value = json_value(words) if words.startswith("{") else None
    bare = not isinstance(value, dict) or (len(value) == 1 and next(iter(value)) in (*WRAPPERS, "error")) or not value
    return {"result": words} if bare or not isinstance(value, dict) else value


_DETAILS: Final = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}


def _extras(native: Native | None) -> JsonObject:
    """What Gemini's own clients say of a part beside its content."""
    if native is None or native.protocol != NAME:
        return {}
    return {name: value for name, value in native.value.items() if name not in CONTENT}


def _answer_extras(native: Native | None) -> JsonObject:
    """The same inside a function's response."""
    answer = native.value.get("functionResponse") if native and native.protocol == NAME else None
    return (
        {name: value for name, value in camel(answer).items() if name not in ANSWER} if isinstance(answer, dict) else {}
    )
