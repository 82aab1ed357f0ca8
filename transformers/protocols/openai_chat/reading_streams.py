"""A stream of chat completion chunks → hub events, whatever the vendor makes of the format.

Theory of operation. A chunk may hold reasoning, text, tool calls, the finish and usage all at once, so every chunk
goes through the same steps in that order. At most one of reasoning and text is open at a time; tool calls stay open
until the finish, since vendors interleave parallel ones. White space alone opens no text: it waits for words, and goes
when a tool call comes first.

The identity of a tool call is the hard part. Vendors leave out the index, give every call the index 0, repeat id and
name in each delta, or tell the name late. `_call_of` decides: an index names a call as long as id and name do not
contradict it; an unknown id is a new call; a delta with neither continues the last call. A call is announced once its
name and id are known; an id that never came is minted when the first argument arrives or at the end.
"""

from collections.abc import Iterable
from typing import Final, Literal

import orjson

from axonhub.transformers.call_ids import minted_call_id
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.fields import as_mapping, as_objects, as_text
from axonhub.transformers.hub.candidates import of_candidate
from axonhub.transformers.hub.events import AnnotationTold, End, Event, Failed, Start, Stop, UsageTold
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.ledger import Ledger
from axonhub.transformers.hub.logprobs import TokenLogprob
from axonhub.transformers.hub.parts import Refusal, Signature, Text, Thinking, ToolCall
from axonhub.transformers.hub.responses import StopReason
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.openai_logprobs import read_tokens
from axonhub.transformers.protocol import Undo, Unreadable
from axonhub.transformers.protocols.openai_chat.failures import failure_in
from axonhub.transformers.protocols.openai_chat.reasoning import Details, reasoning_text
from axonhub.transformers.protocols.openai_chat.stops import read_stop, unknown_word
from axonhub.transformers.protocols.openai_chat.think_tags import TagSplitter
from axonhub.transformers.protocols.openai_chat.usage import read_usage
from axonhub.transformers.sse import SseEvent
from axonhub.transformers.tool_names import freeform_input

_DONE: Final = "[DONE]"
_TEXT: Final = Text("")
_THINKING: Final = Thinking("")
_REFUSAL: Final = Refusal("")
_CUT_OFF: Final = Failure(FailureKind.SERVER, "the provider's stream ended before the answer was complete")
_EMPTY: Final = Failure(FailureKind.SERVER, "the provider's stream ended without an answer")


class _Call:
    """A tool call while it comes."""

    __slots__ = ("freeform", "id", "name", "received", "sent", "started", "wrapped")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.freeform = False
        """Announced by the vendor as a custom tool: its deltas are bare input."""
        self.wrapped = False
        """A freeform tool that this vendor knows as a function."""
        self.started = False
        self.received: list[str] = []
        """All argument text."""
        self.sent = 0
        """How many pieces of it were told."""

    def is_contradicted(self, call_id: str, name: str) -> bool:
        """Does this id or name belong to another call? One that repeats, or comes late, does not contradict."""
        if call_id and self.id:
            return call_id != self.id
        return bool(name) and bool(self.name) and name != self.name


class ChatStreamReader:
    """One a stream. Not thread-safe."""

    def __init__(self, dialect: Dialect, undo: Undo) -> None:
        self._dialect = dialect
        self._undo = undo
        self._ledger = Ledger()
        self._tags = TagSplitter() if dialect.think_tags else None
        self._details = Details()
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._further: dict[int, ChatStreamReader] = {}
        """Of the answers beyond the first, where several were asked for."""
        self._logprobs: list[TokenLogprob] = []
        """Of tokens whose text is still to be told."""
        self._ids: set[str] = set()
        self._seed = ""
        self._blank = ""
        """White space that waits for words."""
        self._started = False
        self._spoke = False
        self._stopped = False
        self._over = False
        self._usage: Json = None

    def read(self, event: SseEvent) -> Iterable[Event]:
        if self._over:
            return ()
        data = event.data
        if data == _DONE or data.strip() == _DONE:
            return self._end(terminated=True)
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Unreadable("an event of the stream is no JSON") from error
        if not isinstance(chunk, dict):
            raise Unreadable("an event of the stream is no JSON object")
        if event.name == "error" and "error" not in chunk:
            chunk = {"error": chunk}
        return self.read_chunk(chunk)

    def finish(self) -> Iterable[Event]:
        return () if self._over else self._end(terminated=False)

    def read_chunk(self, chunk: JsonObject) -> list[Event]:
        failure = failure_in(chunk) if "choices" not in chunk or "error" in chunk else None
        if failure is not None:
            return [] if self._stopped else self._fail(failure)
        events: list[Event] = []
        choices = chunk.get("choices")
        usage = chunk.get("usage") or as_mapping(chunk.get("x_groq")).get("usage")
        for choice in as_objects(choices):
            if not self._started:
                self._start(chunk, events)
            usage = usage or choice.get("usage")  # Moonshot
            if not self._told(choice, events):
                return events
        if isinstance(usage, dict) and usage != self._usage:
            if not self._started:
                self._start(chunk, events)
            self._usage = usage
            events.append(UsageTold(read_usage(usage)))
        return events

    def _start(self, chunk: JsonObject, events: list[Event]) -> None:
        self._started = True
        response_id = as_text(chunk.get("id")) or None
        self._seed = response_id or f"{chunk.get('created')}{chunk.get('model')}"
        events.append(Start(response_id, as_text(chunk.get("model")) or None))

    def _told(self, choice: JsonObject, events: list[Event]) -> bool:
        """False when the answer broke here."""
        place = choice.get("index")
        if isinstance(place, int) and place > 0:
            return self._further_choice(place, choice, events)
        return self._stopped or self._choice(choice, events)

    def _further_choice(self, place: int, choice: JsonObject, events: list[Event]) -> bool:
        if place not in self._further:
            self._further[place] = reader = ChatStreamReader(self._dialect, self._undo)
            reader._started, reader._seed = True, f"{self._seed}/{place}"
        reader, own = self._further[place], list[Event]()
        whole = reader._stopped or reader._choice(choice, own)
        events += of_candidate(place, own)
        self._over = self._over or not whole
        return whole

    def _choice(self, choice: JsonObject, events: list[Event]) -> bool:
        """False when the answer broke here."""
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict):
            self._logprobs += read_tokens(logprobs.get("content")) or read_tokens(logprobs.get("refusal"))
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice.get("message")
        if isinstance(delta, dict):
            self._delta(delta, events)
        finish_reason = choice.get("finish_reason")
        if isinstance(finish_reason, str) and finish_reason:
            return self._finish_reason(finish_reason, choice, events)
        return True

    def _delta(self, delta: JsonObject, events: list[Event]) -> None:
        if thought := reasoning_text(delta):
            self._think(thought, events)
        if "reasoning_details" in delta:
            self._details.add(delta["reasoning_details"])
        content = delta.get("content")
        if content:
            self._content(content, events)
        if refusal := delta.get("refusal"):
            self._refuse(refusal, events)
        if annotations := delta.get("annotations"):
            self._annotate(annotations, events)
        if calls := delta.get("tool_calls"):
            for call in as_objects(calls):
                self._tool_call(call, events)
        if isinstance(legacy := delta.get("function_call"), dict):
            self._tool_call({"index": 0, "function": legacy}, events)

    # -- reasoning, text, refusal

    def _think(self, text: str, events: list[Event]) -> None:
        self._blank = ""
        self._spoke = True
        self._close_words("thinking", events)
        events += self._ledger.text("thinking", text, _THINKING)

    def _content(self, content: Json, events: list[Event]) -> None:
        if isinstance(content, list):
            return self._content_list(content, events)
        if not isinstance(content, str):
            return
        if self._tags is None:
            return self._say(content, events)
        for is_thought, text in self._tags.feed(content):
            (self._think if is_thought else self._say)(text, events)

    def _content_list(self, content: list[Json], events: list[Event]) -> None:
        # Mistral streams reasoning as a content list: {type: thinking, thinking: [{type: text, …}]}.
        for part in as_objects(content):
            if part.get("type") == "thinking":
                for thought in as_objects(part.get("thinking")):
                    self._think(as_text(thought.get("text")) or "", events)
            elif text := as_text(part.get("text")):
                self._say(text, events)

    def _say(self, text: str, events: list[Event]) -> None:
        ledger = self._ledger
        if not ledger.is_open("text"):
            text = self._blank + text
            if text.isspace():
                self._blank = text
                return
            self._blank = ""
            self._spoke = True
            self._close_words("text", events)
        events += ledger.text("text", text, _TEXT, self._taken_logprobs())

    def _taken_logprobs(self) -> tuple[TokenLogprob, ...]:
        if not self._logprobs:
            return ()
        taken, self._logprobs = tuple(self._logprobs), []
        return taken

    def _refuse(self, refusal: Json, events: list[Event]) -> None:
        if isinstance(refusal, str):
            self._spoke = True
            self._close_words("refusal", events)
            events += self._ledger.text("refusal", refusal, _REFUSAL, self._taken_logprobs())

    def _annotate(self, annotations: Json, events: list[Event]) -> None:
        for annotation in as_objects(annotations):
            if self._ledger.is_open("text"):
                events.append(AnnotationTold(self._ledger.index("text"), annotation))

    def _close_words(self, but: str, events: list[Event]) -> None:
        for key in ("thinking", "text", "refusal"):
            if key != but and self._ledger.is_open(key):
                if key == "thinking":
                    self._sign_thinking(events)
                events += self._ledger.end(key)

    def _sign_thinking(self, events: list[Event]) -> None:
        signature = self._details.signature(self._dialect)
        if signature is not None:
            events += self._ledger.signature("thinking", signature)

    # -- tool calls

    def _tool_call(self, delta: JsonObject, events: list[Event]) -> None:
        custom = delta.get("custom")
        function = as_mapping(custom if isinstance(custom, dict) else delta.get("function"))
        call_id, name = as_text(delta.get("id")) or "", as_text(function.get("name")) or ""
        call = self._call_of(delta.get("index"), call_id, name)
        call.id = call.id or call_id
        call.name = call.name or name
        call.freeform = call.freeform or isinstance(custom, dict)
        if arguments := _argument_text(function.get("input" if call.freeform else "arguments")):
            call.received.append(arguments)
        if call.started:
            self._argue(call, events)
            self._sign_call(call, delta, events)
        elif call.name and (call.id or call.received):
            self._announce(call, events, self._signature(delta))

    def _call_of(self, index: Json, call_id: str, name: str) -> _Call:
        if isinstance(index, int):
            call = self._by_index.get(index)
            if call is not None and not call.is_contradicted(call_id, name):
                return call
            # Under a used index a known id still leads to its own call.
            call = self._known(call_id) if call is not None else None
        else:
            call = self._known(call_id) if call_id else self._last(name)
        if call is None:
            call = _Call()
            self._calls.append(call)
        if isinstance(index, int):
            self._by_index[index] = call
        return call

    def _known(self, call_id: str) -> _Call | None:
        return next((call for call in self._calls if call_id and call.id == call_id), None)

    def _last(self, name: str) -> _Call | None:
        last = self._calls[-1] if self._calls else None
        return None if last is None or last.is_contradicted("", name) else last

    def _announce(self, call: _Call, events: list[Event], signature: Signature | None = None) -> None:
        """Opens the part of a call; its name and, if it ever comes, its id are known."""
        self._blank = ""
        self._close_words("", events)
        if not call.id or call.id in self._ids:
            call.id = minted_call_id(self._seed, len(self._ids), "call_")
        self._ids.add(call.id)
        call.started = True
        reference = self._undo.reference(call.name)
        freeform = call.freeform or reference.kind == "freeform"
        kind: Literal["function", "freeform"] = "freeform" if freeform else "function"
        part = ToolCall(call.id, reference.name, "", kind, reference.namespace, signature=signature)
        events += self._ledger.start(call, part)
        call.wrapped = freeform and not call.freeform
        self._argue(call, events)

    def _argue(self, call: _Call, events: list[Event]) -> None:
        if call.wrapped:
            return  # The bare input can be told only from the whole wrapper.
        for text in call.received[call.sent :]:
            events += self._ledger.arguments(call, text)
        call.sent = len(call.received)

    def _sign_call(self, call: _Call, delta: JsonObject, events: list[Event]) -> None:
        signature = self._signature(delta)
        if signature is not None:
            events += self._ledger.signature(call, signature)

    def _signature(self, delta: JsonObject) -> Signature | None:
        """Google's chat endpoint signs tool calls in `extra_content`."""
        if "extra_content" not in delta:
            return None
        google = as_mapping(as_mapping(delta["extra_content"]).get("google"))
        value = as_text(google.get("thought_signature"))
        return Signature(value, self._dialect.signature_origin) if value else None

    # -- the end

    def _close_all(self, events: list[Event]) -> None:
        if self._tags is not None:
            for is_thought, text in self._tags.flush():
                (self._think if is_thought else self._say)(text, events)
        if self._blank and not self._spoke and not self._calls:
            events += self._ledger.text("text", self._blank, _TEXT)  # White space is the whole answer.
        self._blank = ""
        self._close_words("", events)
        for place, call in enumerate(self._calls):
            if not call.started:
                call.name = call.name or f"tool_{place}"
                self._announce(call, events)
            if call.wrapped:
                events += self._ledger.arguments(call, freeform_input("".join(call.received)))
        events += self._ledger.end_all()
        signature = self._details.signature(self._dialect)
        if signature is not None:  # Told after the reasoning was over, or without any readable reasoning.
            events += self._ledger.whole(Thinking("", signature))

    def _finish_reason(self, finish_reason: str, choice: JsonObject, events: list[Event]) -> bool:
        stop = read_stop(finish_reason, bool(self._calls))
        if isinstance(stop, Failure):
            events += self._fail(failure_in(choice) or stop)
            return False
        self._stop(stop, events, unknown_word(finish_reason))
        return True

    def _stop(self, reason: StopReason, events: list[Event], word: str | None = None) -> None:
        self._close_all(events)
        self._stopped = True
        events.append(Stop(reason, word=word))

    def _fail(self, failure: Failure) -> list[Event]:
        self._over = True
        return [Failed(failure)]

    def end_of_whole(self) -> list[Event]:
        """The end of an answer that came in one piece: it is complete, also when it says nothing or names no reason."""
        events: list[Event] = []
        if not self._over and not self._stopped:
            self._stop(StopReason.TOOL if self._calls else StopReason.END, events)
        for place, reader in self._further.items():
            events[:0] = of_candidate(place, reader.end_of_whole())
        return events

    def _end(self, terminated: bool) -> list[Event]:
        if not self._started:
            return self._fail(_EMPTY)
        events: list[Event] = []
        for place, reader in self._further.items():
            events += of_candidate(place, reader._end(terminated))
            if events and isinstance(events[-1], Failed):
                self._over = True
                return events
        if not self._stopped:
            whole = terminated or (self._dialect.omits_terminator and (self._spoke or self._calls))
            if not whole or not all(map(_is_whole, self._calls)):
                return self._fail(_CUT_OFF)
            self._stop(StopReason.TOOL if self._calls else StopReason.END, events)
        self._over = True
        events.append(End())
        return events


def _argument_text(value: Json) -> str:
    """Argument text of a delta; some local servers send the object itself."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, dict) else ""


def _is_whole(call: _Call) -> bool:
    """May this call be run? Its arguments are a whole JSON text, or there are none."""
    text = "".join(call.received)
    if call.freeform or not text or text.isspace():
        return True
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
