"""A provider's failure that another channel can hide is never seen, whatever either side of the gateway speaks."""

import gzip
import json
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path

import brotli
import pytest
import zstandard

from tests.gateway.caller import calling
from tests.gateway.conftest import ANTHROPIC_HEADERS, CHAT_HEADERS, StartGateway
from tests.gateway.h2_caller import H2Caller
from tests.gateway.process import HEADLESS_WAYS, Gateway
from tests.gateway.roads import (
    DOORS,
    HIDDEN,
    HIDDEN_STREAMS,
    NEVER,
    PING,
    ROADS,
    START,
    TARGET,
    TEXT,
    WORKING,
    Providers,
    Road,
    ask,
    asking,
    line,
    listening,
    providers,
    refuses,
    roads_config,
    streams,
)
from tests.judges.grammar import anthropic_faults
from tests.judges.sdk import judge_anthropic, judge_anthropic_whole, judge_chat
from tests.upstreams.server import Cut, Hold, Reply, Request, Script, event_stream, in_turn

FORMS = ("whole", "stream")
SILENT = ("mute", "silence", "body silent", "silent stream")
"""What takes as long as the gateway's patience."""
DEATHS = {
    "cut": (START, Cut()),
    "reset": (START, Cut(reset=True)),
    "cut in an event": (START, b"event: content_block_del", Cut()),
    "silence": (START, PING, Hold(NEVER)),
}
MOMENTS = {"before the head": None, "before the first event": (PING,), "in mid-stream": (START,)}
CASES = (
    *(f"{case}/{form}" for case in (*DOORS, *HIDDEN) for form in FORMS),
    *(f"{case}/stream" for case in HIDDEN_STREAMS),
    *(f"held/{at}" for at in ("reset", "429", "error first")),
    *(f"death/{death}" for death in DEATHS),
    *(f"leaves/{moment}" for moment in MOMENTS),
    *(f"fault/{status}" for status in (400, 413, 422)),
    *(f"all fail/{form}" for form in FORMS),
    *(f"{case}/many" for case in ("429", "reset", "error first", "stream cut")),
    *(f"broken {encoding}/{form}" for encoding in ("gzip", "br", "zstd") for form in FORMS),
    *("abandoned", "unframed", "trailers", "compressed", "waits"),
)
EVERY_ROAD = pytest.mark.parametrize("road", ROADS, ids=str)
BOTH_FORMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def all_providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    with providers(tmp_path_factory.mktemp("authority")) as found:
        yield found


@pytest.fixture
def upstreams(all_providers: Providers) -> Providers:
    all_providers.forget()
    return all_providers


@pytest.fixture(scope="module")
def gateway(start_for_module: StartGateway, all_providers: Providers) -> Gateway:
    trust = f"ssl_verify_upstream_trusted_ca={all_providers.authority.file}"
    return start_for_module(roads_config(all_providers, ROADS, CASES), arguments=("--set", trust))


def text_of(answer_body: bytes, *, stream: bool) -> str:
    message = judge_anthropic(answer_body) if stream else judge_anthropic_whole(answer_body)
    return "".join(block.text for block in message.content if block.type == "text")


# -- before the first event


@EVERY_ROAD
@BOTH_FORMS
def test_answer(gateway: Gateway, upstreams: Providers, road: Road, stream: bool) -> None:
    answer = ask(gateway, road, asking(road.model(), stream=stream))

    assert answer.status == 200
    assert text_of(answer.body, stream=stream) == TEXT
    assert answer.header("x-axonhub-attempts") == "1"


def possible_failures() -> Iterator[object]:
    """Each road with each failure that there can be on it."""
    for road in ROADS:
        doors = DOORS if road.kind != "plain" else DOORS[:1]
        for stream, cases in ((False, (*doors, *HIDDEN)), (True, (*doors, *HIDDEN, *HIDDEN_STREAMS))):
            for case in cases:
                marks = [pytest.mark.slow] if case in SILENT and road not in (ROADS[0], ROADS[4]) else []
                yield pytest.param(road, stream, case, id=f"{road}-{FORMS[stream]}-{case}", marks=marks)


@pytest.mark.parametrize(("road", "stream", "case"), possible_failures())
def test_failure_is_hidden(gateway: Gateway, upstreams: Providers, road: Road, stream: bool, case: str) -> None:
    answer = ask(gateway, road, asking(road.model(f"{case}/{FORMS[stream]}"), stream=stream))

    assert answer.status == 200, answer.body
    assert text_of(answer.body, stream=stream) == TEXT
    assert answer.header("x-axonhub-channel") == f"{road.kind}-works"
    assert answer.header("x-axonhub-attempts") == "2"
    assert len(upstreams.failing[road.kind].requests) == (case not in DOORS)
    if stream:
        assert anthropic_faults(answer.body) == []


@EVERY_ROAD
def test_abandoned_upstream_is_let_go(gateway: Gateway, upstreams: Providers, road: Road) -> None:
    upstreams.scripts["abandoned"] = HIDDEN["silence"]

    answer = ask(gateway, road, asking(road.model("abandoned"), stream=True))

    assert text_of(answer.body, stream=True) == TEXT
    assert upstreams.failing[road.kind].only.client_left.wait(5)


@EVERY_ROAD
@pytest.mark.parametrize("status", [400, 413, 422])
def test_fault_of_the_request_is_told(gateway: Gateway, upstreams: Providers, road: Road, status: int) -> None:
    upstreams.scripts["fault"] = refuses(status, message="max_tokens: too many")

    answer = ask(gateway, road, asking(road.model(f"fault/{status}"), stream=True))

    assert answer.status == status
    assert answer.error()["message"] == "max_tokens: too many"
    assert upstreams.working[road.kind].requests == []


@EVERY_ROAD
@BOTH_FORMS
def test_last_failure_is_told_when_all_fail(upstreams: Providers, gateway: Gateway, road: Road, stream: bool) -> None:
    upstreams.scripts["all fail"] = in_turn(refuses(429, ("retry-after", "7"), message="slow down"), HIDDEN["reset"])

    answer = ask(gateway, road, asking(road.model(f"all fail/{FORMS[stream]}"), stream=stream))

    assert answer.status == 429
    assert "slow down" in str(answer.error()["message"])
    assert int(answer.header("retry-after") or 0) in range(1, 8)
    assert answer.header("x-axonhub-attempts") == "2"


# -- after it


@EVERY_ROAD
@pytest.mark.parametrize("case", ["well", "held/reset", "held/429", "held/error first"])
def test_stream_is_not_held_up(gateway: Gateway, upstreams: Providers, road: Road, case: str) -> None:
    """Nor is one that began after a failure."""
    release = threading.Event()
    upstreams.scripts |= {f"held/{at}": {**HIDDEN, **HIDDEN_STREAMS}[at] for at in ("reset", "429", "error first")}
    upstreams.working[road.kind].script = held(WORKING, 4, release)

    with listening(gateway, road, asking(road.model(case), stream=True)) as live:
        first = live.until(b"text_delta")
        release.set()
        whole = live.rest()

    assert b"message_stop" not in first
    assert text_of(whole, stream=True) == TEXT


@EVERY_ROAD
def test_announcement_is_shown_while_the_content_is_waited_for(
    gateway: Gateway, upstreams: Providers, road: Road
) -> None:
    """With nothing before it that the provider did not say."""
    release = threading.Event()
    upstreams.working[road.kind].script = held(WORKING, 1, release)

    with listening(gateway, road, asking(road.model(), stream=True)) as live:
        announced = live.until(b"message_start")
        release.set()
        whole = live.rest()

    assert b"keepalive" not in announced
    assert b"content_block" not in announced
    assert text_of(whole, stream=True) == TEXT


def held(script: Script, event: int, release: threading.Event) -> Script:
    def holding(request):  # type: ignore[no-untyped-def]
        reply = script(request)
        steps = list(reply.body)
        return Reply(reply.status, reply.headers, [*steps[:event], Hold(release), *steps[event:]])

    return holding


@EVERY_ROAD
@pytest.mark.parametrize("death", DEATHS)
def test_death_in_mid_stream_is_told_and_ends_well(
    gateway: Gateway, upstreams: Providers, road: Road, death: str
) -> None:
    upstreams.scripts["death"] = lambda request: event_stream(DEATHS[death])

    with listening(gateway, road, asking(road.model(f"death/{death}"), stream=True)) as live:
        whole = live.rest()
        after = live.again(asking(road.model(), stream=False))

    assert whole.startswith(START)
    events = [line for line in whole.decode().splitlines() if line.startswith("event: ")]
    assert events[-1] == "event: error"
    last = json.loads(whole.decode().rstrip().rpartition("data: ")[2])
    assert last["type"] == "error"
    assert "Said by" not in whole.decode()
    assert text_of(after.body, stream=False) == TEXT


def test_upstream_without_framing_that_ends_too_soon_is_told(gateway: Gateway, upstreams: Providers) -> None:
    upstreams.scripts["unframed"] = lambda request: Reply(
        200, (("content-type", "text/event-stream"),), (START,), until_closed=True
    )

    answer = ask(gateway, ROADS[0], asking(ROADS[0].model("unframed"), stream=True))

    assert b"event: error" in answer.body


@EVERY_ROAD
@pytest.mark.parametrize("moment", MOMENTS)
def test_upstream_is_let_go_when_the_caller_leaves(
    gateway: Gateway, upstreams: Providers, road: Road, moment: str
) -> None:
    steps = MOMENTS[moment]
    upstreams.scripts["leaves"] = streams(*steps, Hold(NEVER)) if steps else HIDDEN["silence"]
    failing = upstreams.failing[road.kind]

    with listening(gateway, road, asking(road.model(f"leaves/{moment}"), stream=True)) as live:
        (request,) = failing.wait_for(1)
        if moment == "in mid-stream":
            live.until(b"message_start")
        live.leave()

        assert request.client_left.wait(5)
    assert upstreams.working[road.kind].requests == []


# -- forms of an answer


@EVERY_ROAD
def test_trailers_are_passed_over(gateway: Gateway, upstreams: Providers, road: Road) -> None:
    def with_trailers(request):  # type: ignore[no-untyped-def]
        reply = WORKING(request)
        body = reply.body if not isinstance(reply.body, bytes) else (reply.body,)
        return Reply(reply.status, reply.headers, body, trailers=(("x-checksum", "5"),))

    upstreams.scripts["trailers"] = with_trailers

    with listening(gateway, road, asking(road.model("trailers"), stream=True)) as live:
        assert text_of(live.rest(), stream=True) == TEXT
        assert text_of(live.again(asking(road.model("trailers"), stream=False)).body, stream=False) == TEXT
    assert len(upstreams.failing[road.kind].requests) == 2


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("road", [ROADS[0], ROADS[4]], ids=str)
@BOTH_FORMS
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [7, 100_000])
def test_compressed_answers(
    gateway: Gateway, upstreams: Providers, road: Road, stream: bool, encoding: str, size: int
) -> None:
    """Though we ask for none."""

    def compressed(request):  # type: ignore[no-untyped-def]
        reply = WORKING(request)
        plain = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        packed = ENCODINGS[encoding](plain)
        pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
        return Reply(reply.status, (*reply.headers, ("content-encoding", encoding)), pieces)

    upstreams.scripts["compressed"] = compressed

    answer = ask(gateway, road, asking(road.model("compressed"), stream=stream))

    assert text_of(answer.body, stream=stream) == TEXT
    assert answer.header("content-encoding") is None
    assert answer.header("x-axonhub-attempts") == "1"


@BOTH_FORMS
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_broken_compression_is_hidden(gateway: Gateway, upstreams: Providers, stream: bool, encoding: str) -> None:
    kind = "text/event-stream" if stream else "application/json"
    headers = (("content-type", kind), ("content-encoding", encoding))
    case = f"broken {encoding}/{FORMS[stream]}"
    upstreams.scripts[case] = lambda request: Reply(200, headers, [b"\xff\x00 nothing of the kind"])

    answer = ask(gateway, ROADS[0], asking(ROADS[0].model(case), stream=stream))

    assert text_of(answer.body, stream=stream) == TEXT


# -- many requests


@pytest.mark.parametrize("road", ROADS[:2], ids=str)
def test_connections_are_kept_on_both_sides(gateway: Gateway, upstreams: Providers, road: Road) -> None:
    with listening(gateway, road, asking(road.model(), stream=True)) as live:
        live.rest()
        for _ in range(4):
            live.again(asking(road.model(), stream=True))

    assert upstreams.working[road.kind].connections == 1
    assert len(upstreams.working[road.kind].requests) == 5


def test_streams_of_one_caller_share_an_upstream_connection(gateway: Gateway, upstreams: Providers) -> None:
    model = Road("h2", "h2").model()
    with H2Caller(gateway.port) as connection:
        asked = [connection.ask(TARGET, ANTHROPIC_HEADERS, asking(model, stream=True)) for _ in range(20)]
        answers = [connection.rest(stream) for stream in asked]

    assert {text_of(answer.body, stream=True) for answer in answers} == {TEXT}
    assert upstreams.working["h2"].connections == 1


@pytest.mark.parametrize("road", ROADS[2:5], ids=str)
def test_streams_of_one_caller_fail_apart(gateway: Gateway, upstreams: Providers, road: Road) -> None:
    """Sixty at once on one connection; a stream that waits holds up no other."""
    release = threading.Event()
    upstreams.scripts["waits"] = streams(START, Hold(release), Cut())
    quick = ("well", "429/many", "reset/many", "error first/many", "stream cut/many")
    with H2Caller(gateway.port) as connection:

        def asked(case: str) -> int:
            return connection.ask(TARGET, ANTHROPIC_HEADERS, asking(road.model(case), stream=True))

        waiting = [asked("waits") for _ in range(10)]
        for stream in waiting:
            connection.until(stream, b"message_start")
        others = [asked(quick[at % len(quick)]) for at in range(50)]
        answers = [connection.rest(stream) for stream in others]
        release.set()
        aborted = [connection.rest(stream) for stream in waiting]

    assert {text_of(answer.body, stream=True) for answer in answers} == {TEXT}
    assert all(b"event: error" in answer.body and b"Said by" not in answer.body for answer in aborted)


@pytest.mark.parametrize("way", HEADLESS_WAYS)
def test_each_way_to_run_hides_failures(start: StartGateway, upstreams: Providers, way: str) -> None:
    """`serve` has a loop and a dispatch of its own."""
    cases = ("refused", "reset", "429", "silence", "error first", "death")
    roads = (ROADS[0], ROADS[2])
    gateway = start(roads_config(upstreams, roads, cases), way=way)
    upstreams.scripts["death"] = streams(START, Cut())

    for road in roads:
        for case in cases[:-1]:
            answer = ask(gateway, road, asking(road.model(case), stream=True))
            assert text_of(answer.body, stream=True) == TEXT
        assert b"event: error" in ask(gateway, road, asking(road.model("death"), stream=True)).body


# -- more than anybody wants to hold


STREAM_BYTES = 100_000_000
MOST_GROWTH_BYTES = 64_000_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's memory from /proc")
@pytest.mark.parametrize(
    ("road", "way"),
    [
        *((ROADS[0], way) for way in HEADLESS_WAYS),
        *((ROADS[2], way) for way in HEADLESS_WAYS),
        (ROADS[4], "mitmdump"),  # `axonhub serve` takes no option that names whom to trust
    ],
    ids=str,
)
def test_long_stream_to_a_slow_reader_is_not_held_in_memory(
    start: StartGateway, upstreams: Providers, road: Road, way: str
) -> None:
    trust = f"ssl_verify_upstream_trusted_ca={upstreams.authority.file}"
    gateway = start(
        roads_config(upstreams, [road], [], idle_timeout="60s"),
        way=way,
        arguments=("--set", trust) if way == "mitmdump" else (),
    )
    sent = Flood()
    upstreams.working[road.kind].script = sent
    before = resident_bytes(gateway)
    with slow_reader(gateway, road) as read_all:
        gateway.wait_until(sent.stands_still, "the upstream is held back")
        assert sent.bytes < STREAM_BYTES / 2
        total, end = read_all()

    assert total > STREAM_BYTES
    assert b"message_stop" in end
    assert resident_bytes(gateway, "VmHWM") - before < MOST_GROWTH_BYTES


class Flood:
    """Answers with a long text, and counts how much of it could be sent."""

    def __init__(self) -> None:
        self.bytes = 0
        self._seen: list[int] = []

    def __call__(self, request: Request) -> Reply:
        first, *_, stop, last = list(WORKING(request).body)
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 50_000}}
        piece = f"event: content_block_delta\ndata: {json.dumps(delta)}\n\n".encode()
        opened = named("content_block_start", index=0, content_block={"type": "text", "text": ""})
        closed = named("content_block_stop", index=0)
        return event_stream(chain([first, opened], self.pieces(piece), [closed, stop, last]))

    def pieces(self, piece: bytes) -> Iterator[bytes]:
        while self.bytes < STREAM_BYTES:
            yield piece
            self.bytes += len(piece)

    def stands_still(self) -> bool:
        """Nothing more was taken for half a second."""
        self._seen.append(self.bytes)
        return self.bytes > 0 and len(self._seen) > 25 and len(set(self._seen[-25:])) == 1


def named(kind: str, **more: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


@contextmanager
def slow_reader(gateway: Gateway, road: Road) -> Iterator[Callable[[], tuple[int, bytes]]]:
    """Asks, and reads nothing until it is told to; then it tells how much came and the last of it."""
    body = asking(road.model(), stream=True)
    if road.client != "h2":
        with (
            closing(line(gateway, road)) as connection,
            calling(gateway.port, "POST", TARGET, ANTHROPIC_HEADERS, body, on=connection) as live,
        ):

            def read_all() -> tuple[int, bytes]:
                total, last = 0, b""
                while piece := live.response.read(1_000_000):
                    total, last = total + len(piece), (last + piece)[-1000:]
                return total, last

            yield read_all
        return
    with H2Caller(gateway.port) as connection:
        connection.reading = False
        stream = connection.ask(TARGET, ANTHROPIC_HEADERS, body)

        def pump_all() -> tuple[int, bytes]:
            connection.read_on()
            answer = connection.rest(stream)
            return len(answer.body), answer.body[-1000:]

        yield pump_all


def resident_bytes(gateway: Gateway, what: str = "VmRSS") -> int:
    status = Path(f"/proc/{gateway.process.pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith(what))
    return int(line.split()[1]) * 1024


# -- a client that is kept waiting


@pytest.mark.slow
def test_client_hears_signs_of_life_while_channels_are_tried(start: StartGateway, upstreams: Providers) -> None:
    """Claude Code shows a warning after 20 seconds without a byte, and gives a sub-agent up after 60."""
    road = ROADS[0]
    config = roads_config(upstreams, [road], ["silence", "all fail"], first_event_timeout="17s")
    gateway = start(config | {"server": {"llm_request_timeout": "30s"}})
    upstreams.scripts["all fail"] = in_turn(HIDDEN["silence"], refuses(529, message="too busy"))
    asked = {
        "hidden": (TARGET, ANTHROPIC_HEADERS, road.model("silence")),
        "chat": ("/v1/chat/completions", CHAT_HEADERS, road.model("silence")),
        "failed": (TARGET, ANTHROPIC_HEADERS, road.model("all fail")),
    }

    with ThreadPoolExecutor() as pool:
        answers = dict(
            zip(
                asked,
                pool.map(
                    lambda each: gateway.call("POST", each[0], each[1], asking(each[2], stream=True)), asked.values()
                ),
                strict=True,
            )
        )

    assert {answer.status for answer in answers.values()} == {200}
    assert all(answer.body.startswith(b": keepalive\n\n") for answer in answers.values())
    assert text_of(answers["hidden"].body, stream=True) == TEXT
    assert judge_chat(answers["chat"].body).choices[0].message.content == TEXT
    assert answers["failed"].body.count(b"event: ") == answers["failed"].body.count(b"event: error\n") == 1
    assert b"too busy" in answers["failed"].body
