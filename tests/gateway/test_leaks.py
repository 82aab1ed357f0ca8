"""What fails, is cancelled or given up leaves nothing behind."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gateway import caller
from tests.gateway.conftest import ANTHROPIC_HEADERS, StartGateway
from tests.gateway.h2_caller import H2Caller
from tests.gateway.process import Gateway
from tests.gateway.roads import (
    HIDDEN,
    HIDDEN_STREAMS,
    NEVER,
    ROADS,
    START,
    TARGET,
    Providers,
    Road,
    asking,
    channel,
    providers,
    streams,
)
from tests.upstreams.server import Hold

WAYS_TO_FAIL = ("refused", "reset", "garbage", "429", "error first")
MODEL = "fails.in-every-way"
CENSUS = Path(__file__).with_name("census.py")


@pytest.fixture
def upstreams(tmp_path: Path) -> Iterator[Providers]:
    with providers(tmp_path) as found:
        found.forget()
        yield found


def counts(gateway: Gateway) -> dict[str, int]:
    answer = gateway.call("GET", "/census")
    assert answer.status == 200
    found = json.loads(answer.body)
    assert isinstance(found, dict)
    return found


def failing_gateway(start: StartGateway, upstreams: Providers, kind: str) -> Gateway:
    """One channel for each way to fail; all of them serve the one model that there is."""
    channels = [
        channel(f"fails-{at}", f"{upstreams.url(kind, case)}/{case.replace(' ', '-')}", [MODEL], at)
        for at, case in enumerate(WAYS_TO_FAIL)
    ]
    known = {**HIDDEN, **HIDDEN_STREAMS}
    by_path = {case.replace(" ", "-"): known[case] for case in WAYS_TO_FAIL if case in known}
    upstreams.failing[kind].script = lambda request: by_path[request.path.split("/")[1]](request)
    retry = {"max_channel_retries": 4, "max_same_channel_retries": 0}
    keys = [{"name": "me", "key": dict(ANTHROPIC_HEADERS)["x-api-key"]}]
    config = {"api_keys": keys, "channels": channels, "retry": retry}
    trust = f"ssl_verify_upstream_trusted_ca={upstreams.authority.file}"
    return start(config, arguments=("-s", str(CENSUS), "--set", trust))


@contextmanager
def one_connection(gateway: Gateway, road: Road) -> Iterator[Callable[[], int]]:
    """A function that asks on always the same connection and tells the status."""
    body = asking(MODEL, stream=True)
    if road.client == "h2":
        with H2Caller(gateway.port) as connection:
            yield lambda: connection.call(TARGET, ANTHROPIC_HEADERS, body).status
        return
    line = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=caller.PATIENCE_S)
    try:
        yield lambda: caller.call(gateway.port, "POST", TARGET, ANTHROPIC_HEADERS, body, on=line).status
    finally:
        line.close()


@pytest.mark.slow
@pytest.mark.parametrize("road", [ROADS[0], ROADS[1], ROADS[2], ROADS[4]], ids=str)
def test_failing_requests_on_one_connection(start: StartGateway, upstreams: Providers, road: Road) -> None:
    gateway = failing_gateway(start, upstreams, road.kind)
    with one_connection(gateway, road) as ask:
        statuses = {ask() for _ in range(30)}
        before = counts(gateway)
        statuses |= {ask() for _ in range(150)}
        after = counts(gateway)

    assert 200 not in statuses
    grown = {name: (count, after[name]) for name, count in before.items() if after[name] > count + 3}
    assert grown == {}


@pytest.mark.slow
def test_streams_that_are_reset(start: StartGateway, upstreams: Providers) -> None:
    """Before the upstream said anything, and in the middle of its answer."""
    road = ROADS[2]
    gateway = failing_gateway(start, upstreams, road.kind)
    upstreams.failing[road.kind].script = streams(START, Hold(NEVER))
    with H2Caller(gateway.port) as connection:

        def ask_and_reset(at: int) -> None:
            stream = connection.ask(TARGET, ANTHROPIC_HEADERS, asking(MODEL, stream=True))
            if at % 2:
                connection.until(stream, b"message_start")
            connection.reset(stream)

        for at in range(30):
            ask_and_reset(at)
        before = counts(gateway)
        for at in range(150):
            ask_and_reset(at)
        gateway.wait_until(
            lambda: all(counts(gateway)[name] <= count + 3 for name, count in before.items()),
            "as few of everything as before",
        )
