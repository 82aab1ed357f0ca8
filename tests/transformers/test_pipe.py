"""A stream on its way to the client: when it is shown, when it is refused, and how it ends."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.events import Event
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.pipe import Alone, Conversion, Decode, PassThrough
from axonhub.transformers.protocol import Reply, StreamReader, StreamWriter, Undo, Unreadable, WireProtocol
from axonhub.transformers.registry import discovered
from axonhub.transformers.sse import SseDecoder, SseEvent

GONE = Failure(FailureKind.NETWORK, "gone")
ANTHROPIC, CHAT, RESPONSES = (discovered()[name] for name in ("anthropic/messages", "openai/chat", "openai/responses"))


def named(kind: str, **more: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def data(value: object) -> bytes:
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


START = named(
    "message_start",
    message={"id": "msg_1", "model": "claude", "usage": {"input_tokens": 7, "output_tokens": 1}},
)
PING = named("ping")
TEXT = [
    named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    named("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"}),
    named("content_block_stop", index=0),
]
STOP = named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5})
LAST = named("message_stop")
WHOLE = b"".join([START, PING, *TEXT, STOP, LAST])
OVERLOADED = named("error", error={"type": "overloaded_error", "message": "Overloaded"})


def chat(delta: dict[str, object], finish: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return data({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt", "choices": choices})


CHAT_WHOLE = chat({"role": "assistant", "content": ""}) + chat({"content": "Hello"}) + chat({}, "stop") + data("[DONE]")


class Commits:
    """Counts how often a pipe said that it has something to show."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def reply() -> Reply:
    return Reply("0" * 24, 1, Request("claude", ()))


def through(protocol=ANTHROPIC, *, omits_terminator: bool = False, on_commit: Callable[[], None] = lambda: None):
    writer = protocol.stream_writer(reply())
    return PassThrough(protocol, writer, on_commit, omits_terminator=omits_terminator)


def conversion(
    source=CHAT, target=ANTHROPIC, *, on_commit: Callable[[], None] = lambda: None, decode: Decode | None = None
) -> Conversion:
    reader = source.stream_reader(Dialect(), Undo())
    return Conversion(reader, target.stream_writer(reply()), on_commit, decode)


def kinds(stream: bytes) -> list[str]:
    decoder = SseDecoder()
    return [event.name for event in [*decoder.feed(stream), *decoder.flush()]]


# -- untouched


@pytest.mark.parametrize("size", [1, 2, 7, 50, 10_000])
def test_bytes_pass_in_any_cut(size: int):
    commits = Commits()
    pipe = through(on_commit=commits)
    out = b""
    for at in range(0, len(WHOLE), size):
        out += b"".join(pipe.feed(WHOLE[at : at + size]))
    out += b"".join(pipe.finish())

    assert out == WHOLE == pipe.client_bytes == pipe.provider_bytes
    assert commits.count == 1
    assert pipe.committed and pipe.complete and pipe.failure is None
    assert (pipe.fold.usage.fresh_tokens, pipe.fold.usage.output_tokens) == (7, 5)


def test_pings_and_comments_are_no_answer():
    pipe = through()
    pipe.feed(b": hello\n\n" + PING)

    assert not pipe.committed
    assert pipe.progress == 0
    pipe.feed(b"".join(TEXT[:2]))
    assert pipe.committed
    assert pipe.progress == 1
    pipe.feed(PING + b": still here\n\n")
    assert pipe.progress == 1


@pytest.mark.parametrize("before", [b"", PING, b": comment\n\n"])
def test_error_first_is_refused(before: bytes):
    pipe = through()
    pipe.feed(before + OVERLOADED + START)

    assert pipe.rejected and not pipe.committed
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.OVERLOADED


@pytest.mark.parametrize("garbage", ["<html>", "5", '"text"', "[1]", "{broken"])
@pytest.mark.parametrize("protocol", [ANTHROPIC, CHAT, RESPONSES], ids=lambda each: each.name)
def test_garbage_first_is_refused(protocol, garbage: str):
    pipe = through(protocol)
    pipe.feed(data(garbage))

    assert pipe.rejected and not pipe.committed
    assert pipe.failure is not None


@pytest.mark.parametrize("stream", [b"", PING, data("[DONE]"), b"\n\n"])
def test_empty_stream_is_no_answer(stream: bytes):
    pipe = through(CHAT)
    pipe.feed(stream)
    pipe.finish()

    assert not pipe.committed


CREATED = named("response.created", response={"id": "resp_1", "model": "gpt"}, sequence_number=0)
GEMINI = discovered()["gemini/generate_content"]
ANNOUNCEMENTS = {
    "a start": (ANTHROPIC, START),
    "an empty part": (ANTHROPIC, START + PING + TEXT[0]),
    "a role": (CHAT, chat({"role": "assistant", "content": ""})),
    "created": (RESPONSES, CREATED),
    "in progress": (RESPONSES, CREATED + named("response.in_progress", response={"id": "resp_1"}, sequence_number=1)),
    "usage alone": (GEMINI, data({"responseId": "r", "usageMetadata": {"promptTokenCount": 7}})),
}
CONTENTS = {
    "text": (ANTHROPIC, TEXT[1]),
    "a tool": (
        ANTHROPIC,
        named("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "n", "input": {}}),
    ),
    "chat text": (CHAT, chat({"content": "Hello"})),
    "chat refusal to go on": (CHAT, chat({}, "stop")),
    "gemini text": (GEMINI, data({"candidates": [{"content": {"parts": [{"text": "Hello"}], "role": "model"}}]})),
    "an event nobody knows": (ANTHROPIC, named("content_block_delta", index=0, delta={"type": "news_delta"})),
}


@pytest.mark.parametrize("convert", [False, True], ids=["untouched", "converted"])
@pytest.mark.parametrize("case", ANNOUNCEMENTS)
def test_announcement_is_held_until_there_is_content(case: str, convert: bool):
    protocol, announcement = ANNOUNCEMENTS[case]
    pipe = conversion(protocol) if convert else through(protocol)
    pipe.feed(announcement)

    assert pipe.begun and not pipe.committed and not pipe.rejected
    pipe.show()
    assert pipe.committed


@pytest.mark.parametrize("case", CONTENTS)
def test_content_is_shown(case: str):
    protocol, content = CONTENTS[case]
    start = {ANTHROPIC: START + (TEXT[0] if case == "text" else b""), CHAT: chat({"role": "assistant"})}
    pipe = through(protocol)
    pipe.feed(start.get(protocol, b"") + content)

    assert pipe.committed


@pytest.mark.parametrize("convert", [False, True], ids=["untouched", "converted"])
def test_error_after_the_announcement_is_refused(convert: bool):
    pipe = conversion(ANTHROPIC, CHAT) if convert else through()
    pipe.feed(START + PING + TEXT[0] + OVERLOADED)

    assert pipe.rejected and not pipe.committed
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.OVERLOADED


@pytest.mark.parametrize("convert", [False, True], ids=["untouched", "converted"])
@pytest.mark.parametrize("refuses", [False, True])
def test_answer_without_content_is_refused_on_request(convert: bool, refuses: bool):
    writer = CHAT.stream_writer(reply()) if convert else ANTHROPIC.stream_writer(reply())
    reader = ANTHROPIC.stream_reader(Dialect(), Undo())
    pipe = (
        Conversion(reader, writer, lambda: None, refuses_empty=refuses)
        if convert
        else PassThrough(ANTHROPIC, writer, lambda: None, refuses_empty=refuses)
    )
    pipe.feed(START + TEXT[0] + TEXT[2] + STOP + LAST)
    pipe.finish()

    assert pipe.rejected is refuses
    assert pipe.committed is not refuses


def test_answer_that_was_cut_short_is_not_empty():
    pipe = PassThrough(ANTHROPIC, ANTHROPIC.stream_writer(reply()), lambda: None, refuses_empty=True)
    pipe.feed(START + named("message_delta", delta={"stop_reason": "max_tokens"}, usage={"output_tokens": 1}))

    assert pipe.committed


def test_providers_own_error_in_mid_stream_is_the_end():
    pipe = through()
    pipe.feed(START + TEXT[0] + TEXT[1] + OVERLOADED)

    assert pipe.finish() == []
    assert pipe.abort(GONE) == []
    assert not pipe.rejected
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.OVERLOADED


@pytest.mark.parametrize("torn", [b"", b"event: content_block_delta\nda", b"data: {", b"\n"])
def test_dead_provider_ends_in_an_error_event_of_its_own(torn: bytes):
    pipe = through()
    pipe.feed(START + TEXT[0] + TEXT[1])
    pipe.feed(torn)
    tail = b"".join(pipe.abort(GONE))

    assert kinds(START + TEXT[0] + TEXT[1] + torn + tail)[-1] == "error"
    assert b'"gone"' in tail
    assert pipe.failure == GONE
    assert pipe.client_bytes.endswith(tail)


def test_dead_responses_provider_ends_in_response_failed():
    pipe = through(RESPONSES)
    pipe.feed(named("response.created", response={"id": "resp_1", "model": "gpt"}, sequence_number=0))
    pipe.show()

    assert kinds(b"".join(pipe.abort(GONE))) == ["response.failed"]


def test_stream_that_ends_too_soon_is_told():
    """An upstream without framing dies like this: its end of file is no error to HTTP."""
    pipe = through()
    pipe.feed(START + TEXT[0] + TEXT[1])

    assert kinds(b"".join(pipe.finish())) == ["error"]
    assert pipe.failure is not None


def test_stream_of_a_provider_that_never_says_that_it_is_complete():
    pipe = through(CHAT, omits_terminator=True)
    pipe.feed(chat({"content": "Hello"}))

    assert pipe.finish() == []
    assert pipe.failure is None


@pytest.mark.parametrize("last", [STOP, STOP + LAST])
def test_nothing_is_added_to_what_is_complete(last: bytes):
    pipe = through()
    pipe.feed(START + b"".join(TEXT) + last)

    assert pipe.complete
    assert pipe.abort(GONE) == pipe.finish() == []
    assert pipe.failure is None


def test_keepalives_only_between_events():
    pipe = through()
    assert pipe.keepalive() == b""
    pipe.feed(START[:-1])
    assert pipe.keepalive() == b""
    pipe.feed(START[-1:])
    pipe.show()
    assert kinds(pipe.keepalive()) == ["ping"]
    pipe.feed(b"event: content_block_delta\n")
    assert pipe.keepalive() == b""


def test_what_is_kept_is_bounded():
    writers = ANTHROPIC.stream_writer(reply()), CHAT.stream_writer(reply())
    untouched = PassThrough(ANTHROPIC, writers[0], lambda: None, kept_bytes=1000)
    reader = ANTHROPIC.stream_reader(Dialect(), Undo())
    converted = Conversion(reader, writers[1], lambda: None, kept_bytes=1000)
    for pipe in (untouched, converted):
        pipe.feed(START + TEXT[0])
        for _ in range(100):
            pipe.feed(TEXT[1])
        pipe.feed(TEXT[2] + STOP + LAST)
        pipe.finish()

        assert len(pipe.provider_bytes) == 1000
        assert len(pipe.client_bytes) == 1000
        assert pipe.fold.usage.output_tokens == 5
        assert pipe.complete


SKIMMED_OVER = [(each, begin) for each in (ANTHROPIC, CHAT, RESPONSES) for begin in each.skimmed_over]


@pytest.mark.parametrize(("protocol", "begin"), SKIMMED_OVER, ids=[begin.decode() for _, begin in SKIMMED_OVER])
@pytest.mark.parametrize("told", ['{"usage":{"output_tokens":9}}', '{"type":"error","error":{}}', "[DONE]", "what?"])
def test_of_what_is_skimmed_over_there_is_nothing_to_tell(protocol: WireProtocol, begin: bytes, told: str):
    (event,) = SseDecoder().feed(begin + f"{told}\n\n".encode())

    assert list(protocol.skim(event)) == []


@pytest.mark.parametrize("further", [b"event: error\n", b'data: "more"\n', b"id: 1\n", b'{"error":{"message":"x"}}\n'])
def test_event_with_further_lines_is_read(further: bytes):
    skimming, reading = (PassThrough(ANTHROPIC, ANTHROPIC.stream_writer(reply()), Commits()) for _ in range(2))
    reading._skimmed_over = ()
    for pipe in (skimming, reading):
        pipe.feed(START)
        pipe.feed(TEXT[0] + TEXT[1])
        for at in (0, 1):
            lines = TEXT[1].splitlines(keepends=True)
            pipe.feed(b"".join([*lines[: at + 1], further, *lines[at + 1 :]]))

    assert (skimming.progress, skimming.failure) == (reading.progress, reading.failure)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_progress_is_the_same_in_any_cut(size: int):
    """What is skimmed over is progress all the same."""
    pipe = PassThrough(ANTHROPIC, ANTHROPIC.stream_writer(reply()), Commits())
    for event in (START, PING, TEXT[0], *[TEXT[1]] * 20, TEXT[2], STOP, LAST):
        for at in range(0, len(event), size):
            pipe.feed(event[at : at + size])

    assert pipe.progress == 23
    assert pipe.complete


class Broken:
    """A protocol whose every part raises."""

    name = "broken/broken"
    skimmed_over = ()

    def skim(self, event: SseEvent) -> Iterator[Event]:
        raise RuntimeError("skim")

    def read(self, event: SseEvent) -> Iterator[Event]:
        raise RuntimeError("read")

    def write(self, event: Event) -> bytes:
        raise RuntimeError("write")


def test_bytes_pass_a_reader_that_breaks(caplog: pytest.LogCaptureFixture):
    commits = Commits()
    pipe = PassThrough(Broken(), ANTHROPIC.stream_writer(reply()), commits)  # type: ignore[arg-type]

    assert pipe.feed(WHOLE) == [WHOLE]
    assert pipe.committed
    assert commits.count == 1
    assert pipe.feed(WHOLE) == [WHOLE]
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.ERROR


# -- converted


@pytest.mark.parametrize("size", [1, 3, 64, 10_000])
def test_converted_in_any_cut(size: int):
    commits = Commits()
    pipe = conversion(on_commit=commits)
    out = b""
    for at in range(0, len(CHAT_WHOLE), size):
        out += b"".join(pipe.feed(CHAT_WHOLE[at : at + size]))
    out += b"".join(pipe.finish())

    assert kinds(out)[0] == "message_start"
    assert kinds(out)[-1] == "message_stop"
    assert b"Hello" in out
    assert out == pipe.client_bytes
    assert pipe.closed and pipe.complete and commits.count == 1


def test_nothing_follows_the_end():
    pipe = conversion()
    pipe.feed(CHAT_WHOLE)

    assert pipe.closed
    assert pipe.feed(CHAT_WHOLE) == pipe.finish() == pipe.abort(GONE) == []
    assert pipe.keepalive() == b""


def test_converted_error_first_is_refused():
    pipe = conversion()
    out = pipe.feed(data({"error": {"message": "no", "type": "server_error", "code": None}}))

    assert out == []
    assert pipe.rejected and not pipe.committed


@pytest.mark.parametrize("garbage", [data("<html>"), data("{broken"), b"data: \xff\xfe\n\n"])
def test_converted_garbage_first_is_refused(garbage: bytes):
    pipe = conversion()
    pipe.feed(garbage)
    pipe.finish()

    assert not pipe.committed
    assert pipe.failure is not None


def test_converted_garbage_in_mid_stream_ends_in_an_error():
    pipe = conversion()
    out = b"".join(pipe.feed(chat({"role": "assistant", "content": "Hi"}) + data("<html>")))

    assert kinds(out)[-1] == "error"
    assert pipe.closed
    assert pipe.finish() == []


def test_converted_stream_of_a_dead_provider_ends_in_an_error():
    pipe = conversion()
    pipe.feed(chat({"role": "assistant", "content": "Hi"}))

    assert kinds(b"".join(pipe.abort(GONE))) == ["error"]
    assert pipe.failure == GONE
    assert pipe.closed


def test_converted_stream_that_broke_after_its_last_word_ends_well():
    pipe = conversion(ANTHROPIC, CHAT)
    pipe.feed(START + b"".join(TEXT) + STOP)
    out = b"".join(pipe.abort(GONE))

    assert out.endswith(b"data: [DONE]\n\n")
    assert b"error" not in out
    assert pipe.failure is None


def test_converter_that_breaks_ends_in_an_error(caplog: pytest.LogCaptureFixture):
    class Reader:
        def __init__(self, inner: StreamReader) -> None:
            self.inner, self.events = inner, 0

        def read(self, event: SseEvent) -> Iterator[Event]:
            self.events += 1
            if self.events == 2:
                raise KeyError("a bug of ours")
            yield from self.inner.read(event)

    writer: StreamWriter = ANTHROPIC.stream_writer(reply())
    pipe = Conversion(Reader(CHAT.stream_reader(Dialect(), Undo())), writer, lambda: None)  # type: ignore[arg-type]
    out = b"".join(pipe.feed(chat({"role": "assistant", "content": "Hi"}) + chat({"content": "Hello"})))

    assert kinds(out)[-1] == "error"
    assert b"a bug of ours" not in out
    assert pipe.closed
    assert "a stream converter failed" in caplog.text


def test_writer_that_breaks_at_the_end_leaves_nobody_hanging(caplog: pytest.LogCaptureFixture):
    pipe = Conversion(CHAT.stream_reader(Dialect(), Undo()), Broken(), lambda: None)  # type: ignore[arg-type]
    pipe.show()
    pipe.feed(chat({"role": "assistant", "content": "Hi"}))

    assert pipe.closed
    assert "a stream writer failed at the end" in caplog.text


def test_broken_encoding_is_refused():
    def decode(piece: bytes) -> bytes:
        raise Unreadable("not gzip")

    pipe = conversion(decode=decode)
    pipe.feed(b"\x00\x01")

    assert pipe.rejected
    assert pipe.failure is not None
    assert "not gzip" in pipe.failure.message


def unframed(piece: bytes) -> bytes:
    """As an upstream's framing that marks each piece; `!` breaks it."""
    if piece.startswith(b"!"):
        raise Unreadable("broken frame")
    return piece[1:]


def test_a_framing_is_undone_and_what_is_inside_passes_untouched():
    commits = Commits()
    pipe = PassThrough(ANTHROPIC, ANTHROPIC.stream_writer(reply()), commits, decode=unframed)

    assert pipe.feed(b"#" + WHOLE) == [WHOLE]
    assert pipe.finish() == []
    assert (commits.count, pipe.provider_bytes, pipe.failure) == (1, WHOLE, None)


def test_a_framing_that_breaks_ends_the_stream_in_its_protocol():
    pipe = PassThrough(ANTHROPIC, ANTHROPIC.stream_writer(reply()), Commits(), decode=unframed)
    pipe.feed(b"#" + b"".join([START, *TEXT]))

    tail = b"".join([*pipe.feed(b"!"), *pipe.feed(b"#more"), *pipe.finish()])

    assert tail.startswith(b"event: error\n")
    assert tail.count(b"event:") == 1
    assert pipe.failure is not None and "broken frame" in pipe.failure.message


@pytest.mark.parametrize("fault", [Unreadable("broken frame"), KeyError("ours")])
def test_a_framing_that_breaks_at_once_is_no_answer(fault: Exception):
    def broken(piece: bytes) -> bytes:
        raise fault

    pipe = PassThrough(ANTHROPIC, ANTHROPIC.stream_writer(reply()), Commits(), decode=broken)

    assert pipe.feed(b"x") == []
    assert pipe.rejected


def test_case_093_an_error_stands_alone_among_the_pieces():
    gemini = discovered()["gemini/generate_content"]
    pipe = Conversion(CHAT.stream_reader(Dialect(), Undo()), gemini.stream_writer(reply()), Commits())
    *before, error = pipe.feed(chat({"content": "Hello"}) + data({"error": {"message": "Overloaded"}}))

    assert b"Hello" in b"".join(before)
    assert isinstance(error, Alone)
    assert json.loads(error)["error"]["code"] == 503
    assert not any(isinstance(each, Alone) for each in before)


@pytest.mark.parametrize("convert", [True, False])
def test_the_end_of_a_stream_that_broke_stands_alone(convert: bool):
    pipe = conversion() if convert else through()
    pipe.feed(chat({"content": "Hello"}) if convert else b"".join([START, *TEXT]))

    assert isinstance(pipe.abort(GONE)[-1], Alone)
