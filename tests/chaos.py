"""Chaos: thousands of requests over four channels, each of which fails three times in ten in ways drawn from a seed.

`scripts/chaos [--requests N] [--seed S] [--way serve]` prints a table and exits 1 when anything is not as it must be:

- Whoever asked gets the whole text of one channel, unless every channel failed it, or the one that had begun to answer
  broke off: then its protocol's error.
- No answer holds a byte of two tries.
- Each request has one record, whose tries are those that the upstreams saw.

Two channels speak Anthropic's protocol and two Chat Completions'; so do the callers, half of them over HTTP/2. One
channel of each pair is behind TLS. A connection may fail, too, before anything was asked on it: refused, slammed, or
broken in the handshake.
"""

import argparse
import json
import random
import socket
import struct
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import cast

import tests.conftest  # noqa: F401  makes axonhub importable
from axonhub.addons.store.reader import TraceReader
from tests.gateway import caller
from tests.gateway.caller import Answer, Headers
from tests.gateway.conftest import ANTHROPIC_HEADERS, CHAT_HEADERS, api_key
from tests.gateway.h2_caller import H2Caller
from tests.gateway.process import Config, Gateway, start_gateway
from tests.judges.grammar import anthropic_faults, chat_faults
from tests.upstreams.anthropic import anthropic
from tests.upstreams.certificates import Authority, make_authority
from tests.upstreams.chat import chat
from tests.upstreams.plan import Conversation, Turn
from tests.upstreams.server import (
    Cut,
    Gone,
    Hold,
    Raw,
    Reply,
    Request,
    Script,
    Step,
    Upstream,
    event_stream,
    json_reply,
)

FAIL_RATE = 0.27
"""Of requests that reach a channel; with what happens to connections it is about three in ten."""
DOOR_RATE = 0.05
STALL_S = 4.0
NEVER = threading.Event()

type Speaker = Callable[..., Script]


@dataclass(frozen=True, slots=True)
class Kind:
    """A protocol, as caller and as upstream speak it."""

    name: str
    target: str
    headers: Headers
    speaker: Speaker
    first_error: bytes
    text: Callable[[bytes, bool], str]
    """Of an answer's body, streamed or whole."""
    faults: Callable[[bytes], Sequence[str]]
    error: bytes
    """What a stream that broke off must hold."""


def anthropic_text(body: bytes, stream: bool) -> str:
    if not stream:
        return "".join(block.get("text", "") for block in json.loads(body)["content"])
    events = sse_data(body)
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def chat_text(body: bytes, stream: bool) -> str:
    if not stream:
        return str(json.loads(body)["choices"][0]["message"]["content"])
    choices = (choice for event in sse_data(body) for choice in event.get("choices", ()))
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def sse_data(body: bytes) -> list[dict[str, object]]:
    lines = (line.removeprefix("data: ") for line in body.decode().splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines if line != "[DONE]" and line.endswith("}")]


ANTHROPIC = Kind(
    "anthropic",
    "/anthropic/v1/messages",
    ANTHROPIC_HEADERS,
    anthropic,
    b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}\n\n',
    anthropic_text,
    anthropic_faults,
    b"event: error\n",
)
CHAT = Kind(
    "chat",
    "/v1/chat/completions",
    CHAT_HEADERS,
    chat,
    b'data: {"error": {"message": "no", "type": "server_error", "code": null}}\n\n',
    chat_text,
    lambda body: chat_faults(body, usage_asked=False),
    b'data: {"error":',
)
CHANNELS: Mapping[str, tuple[Kind, bool]] = {
    "alpha": (ANTHROPIC, False),
    "beta": (ANTHROPIC, True),
    "gamma": (CHAT, False),
    "delta": (CHAT, True),
}
"""Name → what it speaks, and whether over TLS."""
LETTERS = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ"}
"""What only this channel says: a single one of them betrays a mix."""
MODEL = "claude-sonnet-4-5"


def said(channel: str, number: int) -> str:
    """What a channel that works says to a request."""
    draw = random.Random(f"{channel}:{number}")
    return " ".join(f"{LETTERS[channel] * draw.randint(1, 9)}{number}" for _ in range(draw.randint(12, 30)))


# -- upstreams


FATES: Mapping[str, Callable[[Kind], Script]] = {
    "stall": lambda kind: lambda request: Raw([Hold(NEVER)]),
    "429": lambda kind: lambda request: json_reply(429, {"error": {"message": "slow", "type": "x"}}),
    "500": lambda kind: lambda request: json_reply(500, {"error": {"message": "oops", "type": "x"}}),
    "529": lambda kind: lambda request: json_reply(529, {"error": {"message": "busy", "type": "x"}}),
    "reset": lambda kind: lambda request: Raw([Cut(reset=True)]),
    "closed": lambda kind: lambda request: Raw([]),
    "garbage": lambda kind: lambda request: Raw([b"\x16\x03\x01 no HTTP at all\r\n\r\n"]),
    "cut before": lambda kind: lambda request: Reply(200, stream_headers(request), [b": hello\n\n", Cut()]),
    "error in 200": lambda kind: lambda request: error_in_200(kind, request),
}
CUT_AFTER = "cut after"
"""Only where the caller asked for a stream: then it has begun and cannot be taken back."""


def wants_stream(request: Request) -> bool:
    body = request.json()
    return isinstance(body, dict) and body.get("stream") is True


def stream_headers(request: Request) -> Sequence[tuple[str, str]]:
    return (("content-type", "text/event-stream" if wants_stream(request) else "application/json"),)


def error_in_200(kind: Kind, request: Request) -> Reply:
    if wants_stream(request):
        return event_stream([kind.first_error])
    return json_reply(200, {"type": "error", "error": {"type": "overloaded_error", "message": "no"}})


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as an upstream saw it."""

    channel: str
    number: int
    fate: str
    """"" is a good answer."""
    reused: bool
    """It came on a connection that had served another."""
    at: float


class ChaosUpstream(Upstream):
    """One channel's provider."""

    def __init__(self, name: str, seed: int, authority: Authority) -> None:
        self.name, self._seed = name, seed
        self.kind, secure = CHANNELS[name]
        self.seen: list[Seen] = []
        self.doors: Counter[str] = Counter()
        self._used: set[int] = set()
        self._work = self.kind.speaker(self._plan, [])
        self._random = random.Random(f"{seed}:{name}:doors")
        self._outage = threading.Event()
        super().__init__(self._fated, tls=authority.context("http/1.1") if secure else None)
        self._own_port = self._listener.getsockname()[1]

    @property
    def port(self) -> int:
        return int(self._own_port)

    def refuse(self, seconds: float) -> None:
        """Nobody listens for a while; open connections stay."""
        self.doors["out of reach"] += 1
        self._outage.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._closing.wait(seconds)
        self._listener = socket.create_server(("127.0.0.1", self._own_port), backlog=128)
        self._outage.clear()

    def _accept(self) -> None:
        while not self._closing.is_set():
            super()._accept()
            while self._outage.is_set() and not self._closing.is_set():
                self._closing.wait(0.001)

    def _plan(self, conversation: Conversation) -> Turn:
        return Turn(text=said(self.name, number_in(conversation.said[0])))

    def _fated(self, request: Request) -> Reply | Raw:
        number, fate = number_in(request.body.decode()), ""
        draw = random.Random(f"{self._seed}:{self.name}:{number}")
        if draw.random() < FAIL_RATE:
            fate = draw.choice([*FATES, CUT_AFTER] if wants_stream(request) else [*FATES])
        reused = request.connection in self._used
        self._used.add(request.connection)
        self.seen.append(Seen(self.name, number, fate, reused, time.monotonic()))
        if fate == CUT_AFTER:
            return cut_after(self._work(request), draw.randint(1, 3), draw.random() < 0.5)
        return (FATES[fate](self.kind) if fate else self._work)(request)

    def _secured(self, connection: socket.socket) -> socket.socket:
        """What may happen to a connection before anything was asked on it."""
        if self._random.random() < DOOR_RATE:
            if self._tls and self._random.random() < 0.5:
                self.doors["broken TLS"] += 1
                with connection, suppress(OSError):
                    connection.recv(100)
                    connection.sendall(b"\x15\x03\x01\x00\x02\x02\x28 not TLS at all")
            else:
                self.doors["slammed"] += 1
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
            raise Gone
        return super()._secured(connection)


def number_in(text: str) -> int:
    return int(text.split("request <", 1)[1].split(">", 1)[0])


def cut_after(reply: Reply | Raw, events: int, reset: bool) -> Reply:
    assert isinstance(reply, Reply)
    assert not isinstance(reply.body, bytes)

    def steps(body: Iterable[Step]) -> Iterator[Step]:
        for at, step in enumerate(body):
            if at == events:
                yield Cut(reset)
            yield step

    return Reply(reply.status, reply.headers, steps(reply.body))


# -- callers


@dataclass(frozen=True, slots=True)
class Asked:
    number: int
    kind: Kind
    stream: bool

    @property
    def body(self) -> bytes:
        message = {"role": "user", "content": f"request <{self.number}>"}
        return json.dumps({"model": MODEL, "max_tokens": 64, "stream": self.stream, "messages": [message]}).encode()


def requests(count: int, seed: int) -> list[Asked]:
    draw = random.Random(seed)
    return [Asked(number, draw.choice((ANTHROPIC, CHAT)), draw.random() < 0.5) for number in range(count)]


def ask_all(port: int, asked: Sequence[Asked], at_once: int) -> dict[int, Answer | Exception]:
    """Every caller keeps its connection as long as it works."""
    waiting, answers, lock = iter(asked), dict[int, Answer | Exception](), threading.Lock()

    def work(h2: bool) -> None:
        with ExitStack() as stack:
            line: Callable[[Asked], Answer] | None = None
            while True:
                with lock:
                    one = next(waiting, None)
                if one is None:
                    return
                line = line or stack.enter_context(h2_line(port) if h2 else h1_line(port))
                try:
                    answers[one.number] = line(one)
                except (OSError, AssertionError) as error:
                    answers[one.number], line = error, None

    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(work, bool(at % 2)) for at in range(at_once)]:
            done.result()
    return answers


class h1_line:
    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def __enter__(self) -> Callable[[Asked], Answer]:
        return self._ask

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _ask(self, one: Asked) -> Answer:
        return caller.call(0, "POST", one.kind.target, one.kind.headers, one.body, on=self._connection)


class h2_line:
    def __init__(self, port: int) -> None:
        self._connection = H2Caller(port)

    def __enter__(self) -> Callable[[Asked], Answer]:
        return self._ask

    def __exit__(self, *_: object) -> None:
        self._connection.__exit__()

    def _ask(self, one: Asked) -> Answer:
        return self._connection.call(one.kind.target, one.kind.headers, one.body)


# -- judgement


@dataclass(slots=True)
class Verdict:
    outcomes: Counter[str] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    deviations: list[str] = field(default_factory=list)


def judge(
    asked: Sequence[Asked],
    answers: Mapping[int, Answer | Exception],
    seen: Sequence[Seen],
    records: Mapping[str, Mapping[str, object]],
) -> Verdict:
    verdict, by_number = Verdict(), defaultdict[int, list[Seen]](list)
    for each in seen:
        by_number[each.number].append(each)
        verdict.fates[each.fate or "good answer"] += 1
    for one in asked:
        answer = answers.get(one.number)
        if not isinstance(answer, Answer):
            verdict.deviations.append(f"{one.number}: no answer: {answer!r}")
            continue
        record = records.get(str(answer.header("x-axonhub-request-id")))
        if record is None:
            verdict.deviations.append(f"{one.number}: no record")
            continue
        outcome, complaints = judged(one, answer, by_number[one.number], record)
        verdict.outcomes[outcome] += 1
        verdict.deviations += [f"{one.number}: {complaint}" for complaint in complaints]
    if len(records) != len(asked):
        verdict.deviations.append(f"{len(records)} records of {len(asked)} requests")
    return verdict


def judged(one: Asked, answer: Answer, seen: list[Seen], record: Mapping[str, object]) -> tuple[str, list[str]]:
    """What became of a request, and what is wrong with it."""
    attempts = cast("Sequence[Mapping[str, object]]", record["attempts"])
    complaints = tries_that_differ(attempts, seen)
    channels = [str(attempt["channel"]) for attempt in attempts]
    if strangers := channels_heard(answer.body) - {channels[-1]}:
        complaints.append(f"bytes of {strangers} in an answer of {channels[-1]}")
    if answer.status != 200:
        return "all failed", complaints + wrong_refusal(answer, channels, seen)
    if one.stream and one.kind.error in answer.body:
        return "told in mid-stream", complaints + wrong_break(one, answer, channels[-1], seen)
    return f"answered by try {len(attempts)}", complaints + wrong_answer(one, answer, channels[-1])


def channels_heard(body: bytes) -> set[str]:
    text = body.decode()
    return {name for name, letter in LETTERS.items() if letter in text or f"\\u{ord(letter):04x}" in text}


def wrong_answer(one: Asked, answer: Answer, channel: str) -> list[str]:
    expected, found = said(channel, one.number), one.kind.text(answer.body, one.stream)
    faults = one.kind.faults(answer.body) if one.stream else []
    return [*([f"said {found!r}, not {expected!r}"] if found != expected else []), *faults]


def wrong_break(one: Asked, answer: Answer, channel: str, seen: Sequence[Seen]) -> list[str]:
    found = one.kind.text(answer.body, True)
    fate = next((each.fate for each in reversed(seen) if each.channel == channel), "unseen")
    return [
        *([f"broke off at {channel}, whose fate was {fate!r}"] if fate != CUT_AFTER else []),
        *([f"said {found!r}"] if not said(channel, one.number).startswith(found) else []),
    ]


def wrong_refusal(answer: Answer, channels: Sequence[str], seen: Sequence[Seen]) -> list[str]:
    """A failure is told only when each channel was tried and failed."""
    good = [each.channel for each in seen if not each.fate]
    return [
        *([f"status {answer.status} though {good} answered well"] if good else []),
        *([f"status {answer.status} after {channels} only"] if set(channels) != set(CHANNELS) else []),
    ]


def tries_that_differ(attempts: Sequence[Mapping[str, object]], seen: list[Seen]) -> list[str]:
    """The record's tries against what the upstreams saw, in order.

    A try may have been seen by nobody when its connection failed. It may have been seen twice when the first time was
    on a kept connection that was then closed without a byte: that is a stale connection, and no fault of the channel.
    """
    left, complaints = sorted(seen, key=lambda each: each.at), list[str]()
    for attempt in attempts:
        if left and left[0].channel == attempt["channel"]:
            first = left.pop(0)
            stale = first.reused and first.fate in ("reset", "closed")
            if stale and left and left[0].channel == first.channel:
                left.pop(0)
            complaints += wrong_try(attempt, first)
        elif attempt["kind"] not in ("network", "timeout"):
            complaints.append(f"nobody saw the try at {attempt['channel']}")
    complaints += [f"no record tells of {each}" for each in left]
    if complaints:
        complaints.append(f"tries: {[(each['channel'], each['kind'], each['reason']) for each in attempts]}")
    return complaints


def wrong_try(attempt: Mapping[str, object], seen: Seen) -> list[str]:
    failed = attempt["kind"] is not None
    if failed == bool(seen.fate):
        return []
    return [f"the record says {attempt['kind']} ({attempt['reason']}), the upstream {seen.fate or 'good answer'!r}"]


# -- the run


def config(upstreams: Sequence[ChaosUpstream]) -> Config:
    channels = [
        {
            "name": upstream.name,
            "type": "anthropic" if upstream.kind is ANTHROPIC else "openai",
            "base_url": upstream.url if upstream.kind is ANTHROPIC else f"{upstream.url}/v1",
            "api_keys": [f"sk-of-{upstream.name}"],
            "supported_models": [MODEL],
        }
        for upstream in upstreams
    ]
    retry = {"max_channel_retries": 3, "max_same_channel_retries": 0, "connect_timeout": f"{STALL_S}s"}
    retry |= {"first_event_timeout": f"{STALL_S}s"}
    server = {"llm_request_timeout": f"{STALL_S}s"}
    return {"server": server, "api_keys": [api_key()], "channels": channels, "retry": retry}


def run(count: int, seed: int, at_once: int, folder: Path) -> tuple[Verdict, Counter[str], Gateway]:
    """Starts everything, asks everything, stops everything, and judges. The gateway is at its end."""
    asked = requests(count, seed)
    authority = make_authority(folder)
    with ExitStack() as stack:
        upstreams = [stack.enter_context(ChaosUpstream(name, seed, authority)) for name in CHANNELS]
        trust = f"ssl_verify_upstream_trusted_ca={authority.file}"
        options = ("--set", trust, "--set", "termlog_verbosity=warn", "--set", "flow_detail=0")
        gateway = start_gateway(config(upstreams), way="mitmdump", folder=folder, home=folder, arguments=options)
        try:
            with outages(upstreams, seed):
                answers = ask_all(gateway.port, asked, at_once)
        finally:
            gateway.stop()
        seen = [each for upstream in upstreams for each in upstream.seen]
        doors = sum((upstream.doors for upstream in upstreams), Counter[str]())
    return judge(asked, answers, seen, records(folder / "store")), doors, gateway


@contextmanager
def outages(upstreams: Sequence[ChaosUpstream], seed: int) -> Iterator[None]:
    """Now and then one of the upstreams cannot be reached."""
    draw, over = random.Random(f"{seed}:outages"), threading.Event()

    def rage() -> None:
        while not over.wait(draw.uniform(0.2, 0.6)):
            draw.choice(upstreams).refuse(draw.uniform(0.02, 0.2))

    raging = threading.Thread(target=rage, name="outages")
    raging.start()
    try:
        yield
    finally:
        over.set()
        raging.join()


def records(store: Path) -> dict[str, Mapping[str, object]]:
    reader = TraceReader.open(store)
    try:
        return {str(record["id"]): record for record in reader.latest(1_000_000)}
    finally:
        reader.close()


def table(verdict: Verdict, doors: Mapping[str, int]) -> str:
    rows = [
        ("what upstreams did", ""),
        *((f"  {fate}", count) for fate, count in sorted(verdict.fates.items())),
        *((f"  {door} (connections)", count) for door, count in sorted(doors.items())),
        ("what callers got", ""),
        *((f"  {outcome}", count) for outcome, count in sorted(verdict.outcomes.items())),
        ("deviations", len(verdict.deviations)),
    ]
    return "\n".join(f"{name:<32}{count:>8}" for name, count in rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description="Channels that fail at random; see tests/chaos.py."
    )
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=64)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        verdict, doors, _ = run(arguments.requests, arguments.seed, arguments.at_once, Path(folder))
    sys.stdout.write(f"{arguments.requests} requests, seed {arguments.seed}, {time.monotonic() - began:.0f} s\n")
    sys.stdout.write(f"{table(verdict, doors)}\n")
    sys.stdout.writelines(f"- {deviation}\n" for deviation in verdict.deviations[:30])
    return 1 if verdict.deviations else 0


if __name__ == "__main__":
    sys.exit(main())
