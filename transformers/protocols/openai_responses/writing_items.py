"""Hub turns → input items, in one vendor's dialect."""

from collections.abc import Callable, Iterable
from typing import Final

from axonhub.transformers.call_ids import clean_call_id
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.parts import (
    Audio,
    CacheMark,
    Document,
    FileReference,
    Hosted,
    Image,
    Inline,
    Link,
    Native,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
)
from axonhub.transformers.hub.requests import ToolReference, Turn
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.media import COMMON_IMAGES, data_url, with_true_media_type
from axonhub.transformers.protocol import Loss, Unsupported
from axonhub.transformers.protocols.openai_responses.annotations import flat_annotations
from axonhub.transformers.protocols.openai_responses.names import ITEM_PREFIX, NAME, OWN_ORIGIN
from axonhub.transformers.tool_names import NameTable, freeform_arguments

_CONTENT: Final = "messages[].content[]"
_MARK: Final = "prompt_cache_breakpoint"
_ID_LENGTH: Final = 64
_FILENAMES: Final = {"application/pdf": "document.pdf", "text/plain": "document.txt"}
_VENDOR: Final = NAME.partition("/")[0]

_LOST: Final = {
    "cache_control": Loss("cache_control", "this channel takes no cache marks", "info"),
    "inner_cache": Loss(f"{_CONTENT}.source.cache_control", "a document is one text here", "info"),
    "ttl": Loss("cache_control.ttl", "cache marks have no lifetime here", "info"),
    "thinking": Loss(f"{_CONTENT}.thinking", "reasoning that another provider signed, or nobody, is not sent", "info"),
    "signature": Loss(f"{_CONTENT}.signature", "another provider's signature", "info"),
    "citations": Loss(f"{_CONTENT}.citations", "these citations cannot be said here"),
    "context": Loss(f"{_CONTENT}.context", "a document's context became text", "info"),
    "name": Loss("messages[].name", "messages have no name here", "info"),
    "title": Loss(f"{_CONTENT}.title", "a linked file has no name here", "info"),
}


class ItemWriter:
    """Writes one request's items; each kind of loss is recorded once."""

    def __init__(self, dialect: Dialect, names: NameTable, losses: list[Loss]) -> None:
        self.items: list[Json] = []
        self._dialect, self._names, self._losses = dialect, names, losses
        self._lost: set[str] = set()
        self._freeform_calls: set[str] = set()

    def system(self, texts: Iterable[Text]) -> None:
        """The leading system prompt as a message of its own, one part per source block."""
        self._message(self._dialect.leading_system, list(map(self._input_text, texts)))

    def turns(self, turns: tuple[Turn, ...]) -> None:
        loop_start = _tool_loop_start(turns)
        for index, turn in enumerate(turns):
            if turn.name is not None:
                self._lose("name")
            match turn.role:
                case "user":
                    self._user(turn.parts)
                case "assistant":
                    self._assistant(turn.parts, index > loop_start)
                case "system":
                    self._message(
                        "developer" if self._dialect.middle_system == "developer" else "system",
                        self._inputs(turn.parts),
                    )

    def _lose(self, name: str, loss: Loss | None = None) -> None:
        if name not in self._lost:
            self._lost.add(name)
            self._losses.append(loss or _LOST[name])

    def _message(self, role: str, content: list[JsonObject]) -> None:
        if content:
            self.items.append({"type": "message", "role": role, "content": list[Json](content)})

    # -- user

    def _user(self, parts: tuple[Part, ...]) -> None:
        """Tool outputs and the client's own hosted items stand alone; what lies between them is a message."""
        content: list[JsonObject] = []
        for part in parts:
            if isinstance(part, ToolResult):
                self.items.append(self._result(part))
            elif isinstance(part, Hosted) and part.native.protocol == NAME:
                self.items.append(part.native.value)
            elif isinstance(part, Unknown) and _is_item(part.native):
                self.items.append(part.native.value)
            else:
                content += self._input(part)
        if parts and not content and all(isinstance(part, Unknown) and part.native.protocol != NAME for part in parts):
            raise Unsupported("a message of nothing but parts that OpenAI does not know", "messages")
        self._message("user", content)

    def _result(self, result: ToolResult) -> JsonObject:
        if result.native is not None and result.native.protocol == NAME and self._says_kind(result.kind):
            return result.native.value
        if result.cache is not None:
            self._mark({}, result.cache)
        freeform = result.kind == "freeform" or result.call_id in self._freeform_calls
        kind = "custom_tool_call_output" if freeform and self._dialect.freeform_tools else "function_call_output"
        output = self._output(result)
        return {"type": kind, "call_id": clean_call_id(result.call_id, self._dialect.call_id_length), "output": output}

    def _output(self, result: ToolResult) -> Json:
        content = self._inputs(result.parts)
        plain = [str(part["text"]) for part in content if part.keys() == _PLAIN]
        text = "\n".join(plain)
        mark = "Error: " if result.is_error and not text.startswith("Error") else ""
        if len(plain) == len(content) and (len(plain) < 2 or self._dialect.text_only_content):
            return mark + text
        if mark:
            content.insert(0, {"type": "input_text", "text": mark.rstrip()})
        return list[Json](content)

    def _inputs(self, parts: Iterable[Part]) -> list[JsonObject]:
        return [written for part in parts for written in self._input(part)]

    def _input(self, part: Part) -> list[JsonObject]:
        """A part of a message that is not the model's; nothing when it cannot be said."""
        written = _INPUTS[type(part)](self, part)
        return [] if written is None else [written]

    def _input_text(self, part: Text) -> JsonObject:
        written: JsonObject = {"type": "input_text", "text": part.text}
        if part.annotations:
            self._lose("citations")
        if part.signature is not None:
            self._lose("signature")
        return self._mark(written, part.cache)

    def _mark(self, written: JsonObject, mark: CacheMark | None) -> JsonObject:
        if mark is None:
            return written
        if not self._dialect.cache_marks:
            self._lose("cache_control")
            return written
        if mark.ttl is not None:
            self._lose("ttl")
        written[_MARK] = {"mode": "explicit"}
        return written

    def _own_part(self, value: JsonObject) -> JsonObject:
        """A part as its client wrote it, without a cache mark where this channel takes none."""
        if _MARK not in value or self._dialect.cache_marks:
            return value
        self._lose("cache_control")
        return {name: each for name, each in value.items() if name != _MARK}

    def _image(self, image: Image) -> JsonObject:
        if not self._dialect.images:
            raise Unsupported("this channel reads no images", f"{_CONTENT}.image")
        if image.native is not None and image.native.protocol == NAME:
            return self._own_part(image.native.value)
        written: JsonObject = {"type": "input_image", "detail": image.detail or "auto"}
        match image.source:
            case Inline() as inline:
                true = with_true_media_type(inline)
                if true.media_type not in COMMON_IMAGES:
                    raise Unsupported(f"images of type {true.media_type!r} are not read", f"{_CONTENT}.image")
                written["image_url"] = data_url(true)
            case Link(url):
                written["image_url"] = url
            case FileReference(file_id):
                written["file_id"] = _own_file(file_id, image.native)
        return self._mark(written, image.cache)

    def _document(self, document: Document) -> JsonObject:
        if document.citations:
            self._lose("citations")
        source = document.source
        if isinstance(source, tuple):
            self._flatten(source)
            lines = [document.title, document.context, *(text.text for text in source)]
            return self._mark({"type": "input_text", "text": "\n".join(line for line in lines if line)}, document.cache)
        if document.context:
            self._lose("context", Loss(f"{_CONTENT}.context", "a file has no context here"))
        if not self._dialect.files:
            raise Unsupported("this channel reads no files", f"{_CONTENT}.document")
        if document.native is not None and document.native.protocol == NAME:
            return self._own_part(document.native.value)
        written: JsonObject = {"type": "input_file"}
        match source:
            case Inline() as inline:
                written["filename"] = document.title or _FILENAMES.get(inline.media_type, "document")
                written["file_data"] = data_url(inline)
            case Link(url):
                written["file_url"] = url
            case FileReference(file_id):
                written["file_id"] = _own_file(file_id, document.native)
        if document.title and "filename" not in written:
            self._lose("title")
        return self._mark(written, document.cache)

    def _flatten(self, texts: tuple[Text, ...]) -> None:
        """Records what the texts of a document lose by becoming one."""
        if any(text.cache is not None for text in texts):
            self._lose("inner_cache")
        if any(text.annotations for text in texts):
            self._lose("citations")

    def _audio(self, audio: Audio) -> JsonObject:
        if audio.native is not None and audio.native.protocol == NAME:
            return audio.native.value
        raise Unsupported("OpenAI Responses reads no audio", f"{_CONTENT}.audio")

    def _video(self, video: Video) -> JsonObject:
        raise Unsupported("OpenAI Responses reads no video", f"{_CONTENT}.video")

    def _foreign(self, part: Hosted | Unknown) -> JsonObject | None:
        if part.native.protocol == NAME:
            return part.native.value
        path = f"{_CONTENT}.{part.kind}"
        self._lose(path, Loss(path, "OpenAI Responses has no such part"))
        return {"type": "input_text", "text": part.text} if isinstance(part, Hosted) and part.text else None

    def _misplaced(self, part: Part) -> JsonObject | None:
        """What only an assistant says, in another's mouth."""
        path = f"{_CONTENT}.{type(part).__name__.lower()}"
        self._lose(path, Loss(path, "only an assistant can say it"))
        return None

    # -- assistant

    def _assistant(self, parts: tuple[Part, ...], in_tool_loop: bool) -> None:
        said: list[Text | Refusal] = []
        for index, part in enumerate(parts):
            if isinstance(part, Text | Refusal):
                if said and _phase(part) != _phase(said[-1]):
                    said = self._say(said)
                said.append(part)
                continue
            said = self._say(said)
            match part:
                case Thinking():
                    self._reasoning(part, _is_followed(parts, index), in_tool_loop)
                case ToolCall():
                    self._call(part)
                case _:
                    said += self._other(part)
        self._say(said)

    def _say(self, said: list[Text | Refusal]) -> list[Text | Refusal]:
        """Writes what was collected as one message; gives the empty list to collect in from here."""
        if not said:
            return []
        message: JsonObject = {"type": "message", "role": "assistant"}
        # One plain text goes as a string: the list form wants ids, which only OpenAI can give.
        plain = said[0] if len(said) == 1 and isinstance(said[0], Text) and not said[0].annotations else None
        message["content"] = plain.text if plain else [self._output_part(part) for part in said]
        if any(isinstance(part, Text) and part.cache is not None for part in said):
            self._lose("cache_control")
        if any(isinstance(part, Text) and part.signature is not None for part in said):
            self._lose("signature")
        if phase := _phase(said[0]):
            message["phase"] = phase
        self.items.append(message)
        return []

    def _output_part(self, part: Text | Refusal) -> JsonObject:
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        annotations = flat_annotations(part.annotations, part.text)
        if len(annotations) < len(part.annotations):
            self._lose("citations")
        return {"type": "output_text", "text": part.text, "annotations": annotations}

    def _other(self, part: Part) -> list[Text | Refusal]:
        """A part that has no item of its own: its words, where it has some."""
        native = part.native
        if native is not None and native.protocol == NAME:
            message: JsonObject = {"type": "message", "role": "assistant", "content": [native.value]}
            self.items.append(native.value if _is_item(native) else message)
            return []
        kind = part.kind if isinstance(part, Hosted | Unknown) else type(part).__name__.lower()
        self._lose(kind, Loss(f"{_CONTENT}.{kind}", "an assistant cannot say it here"))
        return [Text(part.text)] if isinstance(part, Hosted) and part.text else []

    def _reasoning(self, part: Thinking, followed: bool, in_tool_loop: bool) -> None:
        signature, replay = part.signature, self._dialect.reasoning_replay
        if followed and signature is not None and part.redacted is None and self._is_own(signature.origin):
            self.items.append(self._own_reasoning(part, signature.value))
        elif followed and part.text and (replay == "always" or (replay == "tool_loop" and in_tool_loop)):
            content: list[Json] = [{"type": "reasoning_text", "text": part.text}]
            self.items.append({"type": "reasoning", "summary": [], "content": content})
        else:
            self._lose("thinking")

    def _own_reasoning(self, part: Thinking, sealed: str) -> JsonObject:
        if part.native is not None and part.native.protocol == NAME:
            return part.native.value
        summary: list[Json] = [{"type": "summary_text", "text": part.text}] if part.text else []
        item: JsonObject = {"type": "reasoning"}
        if part.item_id is not None and _is_id(part.item_id, "reasoning"):
            item["id"] = part.item_id
        return {**item, "summary": summary, "encrypted_content": sealed}

    def _is_own(self, origin: str) -> bool:
        """Did this channel's provider encrypt it? `oai` alone is OpenAI's, of an organisation that nobody named."""
        own = self._dialect.signature_origin
        return bool(own) and (origin == own or (origin == OWN_ORIGIN and own.startswith(OWN_ORIGIN)))

    def _call(self, call: ToolCall) -> None:
        namespaced = call.namespace is not None and not self._dialect.namespaces
        if call.native is not None and call.native.protocol == NAME and self._says_kind(call.kind) and not namespaced:
            return self.items.append(call.native.value)
        if call.signature is not None:
            self._lose("signature")
        if call.cache is not None:
            self._mark({}, call.cache)
        self.items.append(self._written_call(call))

    def _written_call(self, call: ToolCall) -> JsonObject:
        freeform = call.kind == "freeform" and self._dialect.freeform_tools
        kind = "custom_tool_call" if freeform else "function_call"
        if call.kind == "freeform":
            self._freeform_calls.add(call.id)
        item: JsonObject = {"type": kind}
        if call.item_id is not None and _is_id(call.item_id, kind):
            item["id"] = call.item_id
        item["call_id"] = clean_call_id(call.id, self._dialect.call_id_length)
        if call.namespace is not None and self._dialect.namespaces:
            item |= {"name": call.name, "namespace": call.namespace}
        else:
            item["name"] = self._names.wire(ToolReference(call.name, call.namespace, call.kind))
        if freeform:
            item["input"] = call.arguments
        elif call.kind == "freeform":
            item["arguments"] = freeform_arguments(call.arguments)
        else:
            item["arguments"] = call.arguments if call.arguments and not call.arguments.isspace() else "{}"
        return item

    def _says_kind(self, kind: str) -> bool:
        return kind == "function" or self._dialect.freeform_tools


def _is_followed(parts: tuple[Part, ...], index: int) -> bool:
    """OpenAI refuses a reasoning item without the output that it led to."""
    return any(not isinstance(part, Thinking) for part in parts[index + 1 :])


def _is_item(native: Native) -> bool:
    """Is it a whole item of ours, or a part of a message? The types of parts begin with `input_` or `output_`."""
    kind = native.value.get("type")
    return native.protocol == NAME and not (isinstance(kind, str) and kind.startswith(("input_", "output_")))


def _is_id(item_id: str, kind: str) -> bool:
    return item_id.startswith(ITEM_PREFIX[kind]) and len(item_id) <= _ID_LENGTH


def _phase(part: Text | Refusal) -> Json:
    native = part.native
    return native.value.get("phase") if native is not None and native.protocol == NAME else None


def _own_file(file_id: str, native: Native | None) -> str:
    """A file id is worth something only where it was made: within one vendor."""
    if native is None or native.protocol.partition("/")[0] != _VENDOR:
        raise Unsupported("a file id means nothing to another vendor", f"{_CONTENT}.file_id")
    return file_id


def _tool_loop_start(turns: tuple[Turn, ...]) -> int:
    """The place of the user's last own message; -1 when there is none."""
    own = (
        index
        for index, turn in enumerate(turns)
        if turn.role == "user" and not any(isinstance(part, ToolResult) for part in turn.parts)
    )
    return max(own, default=-1)


_PLAIN: Final = {"type", "text"}

_INPUTS: Final[dict[type, Callable[..., JsonObject | None]]] = {
    Text: ItemWriter._input_text,
    Image: ItemWriter._image,
    Document: ItemWriter._document,
    Audio: ItemWriter._audio,
    Video: ItemWriter._video,
    Hosted: ItemWriter._foreign,
    Unknown: ItemWriter._foreign,
    Thinking: ItemWriter._misplaced,
    ToolCall: ItemWriter._misplaced,
    ToolResult: ItemWriter._misplaced,
    Refusal: ItemWriter._misplaced,
}
