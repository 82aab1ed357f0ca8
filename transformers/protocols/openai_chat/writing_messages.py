"""Turns → chat messages, in one vendor's dialect.

Chat knows less than the hub: no order of text and calls inside an assistant message, no media in tool results, no marks
that a result is an error. What it cannot say is moved (media into a user message behind the results), told in words
(`Error: …`), or dropped with a loss; what would make the answer blind is refused.
"""

from collections.abc import Callable
from typing import Final

import orjson

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
from axonhub.transformers.hub.requests import Request, ToolReference, Turn
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.media import COMMON_IMAGES, data_url, with_true_media_type
from axonhub.transformers.pairing import paired
from axonhub.transformers.protocol import Loss, Unsupported
from axonhub.transformers.protocols.openai_chat.names import NAME
from axonhub.transformers.reminders import is_billing_block, reminded
from axonhub.transformers.tool_names import NameTable, freeform_arguments

_MARKS: Final = frozenset(("cache_control", "prompt_cache_breakpoint"))
_LOST: Final[dict[str, Loss]] = {
    loss.path: loss
    for loss in (
        Loss("cache_control", "this channel takes no cache marks", "info"),
        Loss("cache_control.ttl", "this channel decides how long it caches", "info"),
        Loss("messages[].content[].thinking", "this channel takes no earlier reasoning", "info"),
        Loss("messages[].content[].redacted_thinking", "only the provider that wrote it can read it", "info"),
        Loss("messages[].content[].signature", "another provider signed it", "info"),
        Loss("messages[].content[].citations", "chat messages hold no citations"),
        Loss("messages[].content[].document.context", "a chat file has a name only"),
        Loss("system[].billing", "another vendor's attribution, different in every request", "info"),
    )
}


def write_messages(
    request: Request, dialect: Dialect, names: NameTable, losses: list[Loss], note: str = ""
) -> list[Json]:
    """All messages of a request; `note` is one more line of system prompt of our own. Unsupported."""
    turns = reminded(request.turns) if dialect.middle_system == "reminder" else request.turns
    writer = _Writer(request, dialect, names, losses)
    return writer.conversation(paired(turns, losses, merge=False), note)


class _Writer:
    """State of one request: what has been written and what was lost. Each loss is told once, however often it is."""

    def __init__(self, request: Request, dialect: Dialect, names: NameTable, losses: list[Loss]) -> None:
        self._request = request
        self._dialect = dialect
        self._names = names
        self._losses = losses
        self._lost: set[str] = set()
        self._messages: list[Json] = []
        self._attached: list[Json] = []
        """Media of tool results, waiting for the user message behind the last result of the group."""

    def conversation(self, turns: tuple[Turn, ...], note: str) -> list[Json]:
        self._system(self._request.system, note)
        loop_start = _tool_loop_start(turns) if self._dialect.reasoning_replay == "tool_loop" else -1
        for index, turn in enumerate(turns):
            if turn.role == "assistant":
                self._attach()
                self._assistant(turn, index > loop_start)
            elif turn.role == "system":
                self._attach()
                self._append(self._dialect.middle_system, self._parts(turn.parts), turn.name)
            elif type(turn.parts[0]) is ToolResult:
                self._results(turn)
            else:
                self._user(turn.parts, turn.name)
        self._attach()
        return self._messages

    def _lose(self, path: str, loss: Loss | None = None) -> None:
        if path not in self._lost:
            self._lost.add(path)
            self._losses.append(loss or _LOST[path])

    def _append(self, role: str, parts: list[Json], name: str | None) -> None:
        if parts:
            message: JsonObject = {"role": role, "content": self._content(parts)}
            if name is not None:
                message["name"] = name
            self._messages.append(message)

    def _content(self, parts: list[Json]) -> Json:
        """A string where that says the same, which the most servers take; else the list."""
        if len(parts) == 1 or self._dialect.text_only_content:
            plain = [part["text"] for part in parts if isinstance(part, dict) and part.keys() == _PLAIN_TEXT]
            if len(plain) == len(parts):
                return "\n".join(map(str, plain))
        return parts

    def _system(self, system: tuple[Text, ...], note: str) -> None:
        parts: list[Json] = []
        for text in system:
            if is_billing_block(text.text) and not self._dialect.billing_block:
                self._lose("system[].billing")
            elif text.text:
                parts.append(self._text(text))
        if note:
            parts.append({"type": "text", "text": note})
        self._append(self._dialect.leading_system, parts, None)

    # -- user

    def _user(self, parts: tuple[Part, ...], name: str | None = None) -> None:
        content = [*self._attached, *self._parts(parts)]
        self._attached = []
        self._append("user", content, name)

    def _attach(self) -> None:
        if self._attached:
            self._user(())

    def _results(self, turn: Turn) -> None:
        """Tool messages first and together; whatever else stands in the turn follows them."""
        others: list[Part] = []
        for part in turn.parts:
            if isinstance(part, ToolResult):
                self._messages.append(self._result(part))
            else:
                others.append(part)
        if others:
            self._user(tuple(others), turn.name)

    def _result(self, result: ToolResult) -> JsonObject:
        parts: list[Json] = []
        media: list[Json] = []
        for part in result.parts:
            written = self._part(part)
            if written is not None:
                (parts if written.get("type") == "text" else media).append(written)
        if result.cache is not None:
            self._lose("cache_control")
        call_id = self._call_id(result.call_id)
        if media:
            self._attached += [{"type": "text", "text": f"[attachment of tool result {call_id}]"}, *media]
            parts = parts or [{"type": "text", "text": "(see attached image)"}]
        return {"role": "tool", "tool_call_id": call_id, "content": self._result_content(parts, result.is_error)}

    def _result_content(self, parts: list[Json], is_error: bool) -> Json:
        marked = any(isinstance(part, dict) and not _MARKS.isdisjoint(part) for part in parts)
        if marked and not is_error:
            return parts
        text = "\n".join(str(part["text"]) for part in parts if isinstance(part, dict))
        return f"Error: {text}" if is_error and not text.startswith("Error") else text

    # -- assistant

    def _assistant(self, turn: Turn, in_tool_loop: bool) -> None:
        said: list[JsonObject] = []
        calls: list[Json] = []
        thoughts: list[Thinking] = []
        for part in turn.parts:
            if isinstance(part, ToolCall):
                calls.append(self._call(part))
            elif isinstance(part, Text):
                said.append(self._text(part))
            elif isinstance(part, Thinking):
                thoughts.append(part)
            elif isinstance(part, Refusal):
                said.append(self._refusal(part.text))
            else:
                self._assistant_other(part, said)
        message: JsonObject = {"role": "assistant", "content": _joined(said)}
        if thoughts or in_tool_loop:
            self._reasoning(message, thoughts, bool(calls), in_tool_loop)
        if calls:
            message["tool_calls"] = calls
        if turn.name is not None:
            message["name"] = turn.name
        if message["content"] is None and not calls:
            if message.keys() == _BARE:
                return  # Nothing of this turn can be said here.
            message["content"] = ""
        self._messages.append(message)

    def _refusal(self, text: str) -> JsonObject:
        """Its own kind of part at OpenAI; elsewhere the model's words like any others."""
        if self._dialect.openai_fields:
            return {"type": "refusal", "refusal": text}
        return {"type": "text", "text": text}

    def _assistant_other(self, part: Part, said: list[JsonObject]) -> None:
        written = self._part(part) if isinstance(part, Document | Hosted | Unknown) else None
        if written is not None and written.get("type") == "text":
            said.append(written)
        elif not isinstance(part, Hosted | Unknown):
            kind = type(part).__name__.lower()
            path = f"messages[].content[].{kind}"
            self._lose(path, Loss(path, "an assistant's chat message holds text only"))

    def _reasoning(self, message: JsonObject, thoughts: list[Thinking], calls: bool, in_tool_loop: bool) -> None:
        dialect = self._dialect
        replay = dialect.reasoning_replay
        if any(thought.redacted is not None for thought in thoughts):
            self._lose("messages[].content[].redacted_thinking")
        text = "\n\n".join(thought.text for thought in thoughts if thought.text)
        if replay == "never" or (replay == "tool_loop" and not in_tool_loop):
            if text:
                self._lose("messages[].content[].thinking")
            return
        details = [detail for thought in thoughts for detail in self._details(thought.signature)]
        if details:
            message["reasoning_details"] = details
        elif text or (calls and self._demands_reasoning()):
            message[dialect.reasoning_field] = text

    def _demands_reasoning(self) -> bool:
        # A tool call without reasoning_content is refused by vendors that replay it; an empty one is taken.
        asked = self._request.reasoning
        return not self._dialect.reasoning_details and (asked is None or asked.mode != "off")

    def _details(self, signature: Signature | None) -> list[Json]:
        if signature is None:
            return []
        if not self._dialect.reasoning_details or signature.origin != self._dialect.signature_origin:
            self._lose("messages[].content[].signature")
            return []
        try:
            details = orjson.loads(signature.value)
        except orjson.JSONDecodeError:
            return []
        return details if isinstance(details, list) else []

    def _call(self, call: ToolCall) -> JsonObject:
        name = self._names.wire(ToolReference(call.name, call.namespace, call.kind))
        written: JsonObject = {"id": self._call_id(call.id)}
        if call.kind == "function":
            arguments = call.arguments if call.arguments and not call.arguments.isspace() else "{}"
            written |= {"type": "function", "function": {"name": name, "arguments": arguments}}
        elif self._dialect.freeform_tools:
            written |= {"type": "custom", "custom": {"name": name, "input": call.arguments}}
        else:
            arguments = freeform_arguments(call.arguments)
            written |= {"type": "function", "function": {"name": name, "arguments": arguments}}
        if call.signature is not None:
            self._sign(written, call.signature)
        if call.cache is not None:
            self._lose("cache_control")
        return written

    def _sign(self, call: JsonObject, signature: Signature) -> None:
        if signature.origin and signature.origin == self._dialect.signature_origin:
            call["extra_content"] = {"google": {"thought_signature": signature.value}}
        else:
            self._lose("messages[].content[].signature")

    def _call_id(self, call_id: str) -> str:
        limit = self._dialect.call_id_length
        return call_id if len(call_id) <= limit else clean_call_id(call_id, limit)

    # -- parts

    def _parts(self, parts: tuple[Part, ...]) -> list[Json]:
        written = [self._part(part) for part in parts]
        kept: list[Json] = [part for part in written if part is not None]
        if parts and not kept and any(isinstance(part, Unknown) for part in parts):
            kind = next(part.kind for part in parts if isinstance(part, Unknown))
            raise Unsupported(f"a message of nothing but {kind!r} cannot be said in chat", "messages")
        return kept

    def _part(self, part: Part) -> JsonObject | None:
        return _PARTS[type(part)](self, part)

    def _text(self, part: Text) -> JsonObject:
        written: JsonObject = {"type": "text", "text": part.text}
        if part.cache is not None:
            self._mark(written, part.cache)
        if part.annotations:
            self._lose("messages[].content[].citations")
        if part.signature is not None:
            self._lose("messages[].content[].signature")
        return written

    def _mark(self, written: JsonObject, mark: CacheMark) -> None:
        if self._dialect.cache_breakpoints:
            if mark.ttl is not None:
                self._lose("cache_control.ttl")
            written["prompt_cache_breakpoint"] = {"mode": "explicit"}
            return
        if not self._dialect.cache_marks:
            return self._lose("cache_control")
        written["cache_control"] = {"type": "ephemeral"} if mark.ttl is None else {"type": "ephemeral", "ttl": mark.ttl}

    def _image(self, image: Image) -> JsonObject:
        if not self._dialect.images:
            raise Unsupported("this channel reads no images", "messages[].content[].image")
        address: JsonObject = {"url": self._image_url(image)}
        if image.detail is not None:
            address["detail"] = image.detail
        written: JsonObject = {"type": "image_url", "image_url": address}
        if image.cache is not None:
            self._mark(written, image.cache)
        return written

    def _image_url(self, image: Image) -> str:
        match image.source:
            case Inline() as inline:
                true = with_true_media_type(inline)
                if true.media_type not in COMMON_IMAGES:
                    raise Unsupported(f"images of type {true.media_type!r} are not read", "messages[].content[].image")
                return data_url(true)
            case Link(url):
                return url
            case FileReference():
                raise _foreign_file()

    def _document(self, document: Document) -> JsonObject | None:
        source = document.source
        if document.citations:
            self._lose("messages[].content[].citations")
        if isinstance(source, tuple):
            said = [str(self._text(text)["text"]) for text in source]
            if any(text.cache is not None for text in source):
                self._lose("cache_control")  # It marks a place inside what is one text now.
            lines = [document.title, document.context, *said]
            written: JsonObject = {"type": "text", "text": "\n".join(line for line in lines if line)}
        elif isinstance(source, Inline) and self._dialect.files:
            if document.context is not None:
                self._lose("messages[].content[].document.context")
            filename = document.title or _FILENAMES.get(source.media_type, "document")
            written = {"type": "file", "file": {"filename": filename, "file_data": data_url(source)}}
        elif isinstance(source, FileReference):
            raise _foreign_file()
        else:
            raise Unsupported("this channel reads no such documents", "messages[].content[].document")
        if document.cache is not None:
            self._mark(written, document.cache)
        return written

    def _audio(self, audio: Audio) -> JsonObject:
        if not isinstance(audio.source, Inline):
            raise Unsupported("chat takes audio as data only", "messages[].content[].audio")
        format_ = audio.format or audio.source.media_type.rpartition("/")[2].removeprefix("x-")
        format_ = {"mpeg": "mp3", "wave": "wav"}.get(format_, format_)
        return {"type": "input_audio", "input_audio": {"data": audio.source.data, "format": format_}}

    def _video(self, video: Video) -> JsonObject:
        match video.source:
            case Inline() as inline:
                return {"type": "video_url", "video_url": {"url": data_url(inline)}}
            case Link(url):
                return {"type": "video_url", "video_url": {"url": url}}
            case FileReference():
                raise _foreign_file()

    def _foreign(self, part: Hosted | Unknown) -> JsonObject | None:
        if part.native.protocol == NAME:
            return part.native.value
        path = f"messages[].content[].{part.kind}"
        self._lose(path, Loss(path, "chat has no such part"))
        told = part.text if isinstance(part, Hosted) else ""
        return {"type": "text", "text": told} if told else None

    def _misplaced(self, part: Part) -> JsonObject | None:
        """What only an assistant says, in another's mouth: its text, if it has one."""
        path = f"messages[].content[].{type(part).__name__.lower()}"
        self._lose(path, Loss(path, "only an assistant's message can hold it"))
        return None


def _joined(said: list[JsonObject]) -> Json:
    """Assistant text is one string, unless a cache mark needs a part of its own."""
    if not said:
        return None
    if len(said) == 1:
        return said[0]["text"] if said[0].keys() == _PLAIN_TEXT else [said[0]]
    if any(part.keys() != _PLAIN_TEXT for part in said):
        return [*said]
    return "".join(str(part["text"]) for part in said)


def _tool_loop_start(turns: tuple[Turn, ...]) -> int:
    """The place of the user's last own message; words behind tool results belong to the loop. -1 when there is none."""
    after_results = False
    start = -1
    for index, turn in enumerate(turns):
        results = type(turn.parts[0]) is ToolResult
        if turn.role == "user" and not results and not after_results and any(map(_is_said, turn.parts)):
            start = index
        after_results = results or (after_results and turn.role != "assistant")
    return start


def _is_said(part: Part) -> bool:
    """Does a message come of it? Another provider's own, an approval for instance, may bring no words."""
    return not isinstance(part, Hosted) or part.native.protocol == NAME or bool(part.text)


def _foreign_file() -> Unsupported:
    return Unsupported("a file id means nothing to another vendor", "messages[].content[].file_id")


_PLAIN_TEXT: Final = {"type", "text"}
_BARE: Final = {"role", "content"}
_FILENAMES: Final = {"application/pdf": "document.pdf", "text/plain": "document.txt"}

_PARTS: Final[dict[type, Callable[..., JsonObject | None]]] = {
    Text: _Writer._text,
    Image: _Writer._image,
    Document: _Writer._document,
    Audio: _Writer._audio,
    Video: _Writer._video,
    Hosted: _Writer._foreign,
    Unknown: _Writer._foreign,
    Thinking: _Writer._misplaced,
    ToolCall: _Writer._misplaced,
    ToolResult: _Writer._misplaced,
    Refusal: _Writer._misplaced,
}
