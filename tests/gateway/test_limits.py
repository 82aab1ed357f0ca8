"""Over sockets: channels with limits and queues, and rules that take channels and credentials out of use."""

import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest

from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.gateway.test_balancing import refusing, two_channels
from tests.gateway.test_traces import record_of, traces
from tests.upstreams.anthropic import anthropic
from tests.upstreams.plans import say
from tests.upstreams.server import Raw, Reply, Request, Script, in_turn

WATCHED = {"metrics": {"public": True}}


def gauge(gateway: Gateway, name: str, channel: str = "first") -> float:
    lines = gateway.call("GET", "/metrics").body.decode().splitlines()
    (line,) = [each for each in lines if each.startswith(f'axonhub_channel_{name}{{channel="{channel}"')]
    return float(line.rpartition(" ")[2])


def held(release: threading.Event) -> Script:
    """Answers well, but not before the test wants it."""

    def script(request: Request) -> Reply | Raw:
        assert release.wait(30)
        return anthropic(say("Said by Anthropic."), [])(request)

    return script


@contextmanager
def calling_without_answer(gateway: Gateway) -> Iterator[None]:
    """A request whose caller hangs up at the end."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    connection.request("POST", "/anthropic/v1/messages", messages_body(), dict(ANTHROPIC_HEADERS))
    yield
    connection.close()


def attempts(record: dict[str, object]) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", record["attempts"])


def test_requests_wait_for_room_in_turn(start: StartGateway, upstreams: Upstreams) -> None:
    limit = {"max_concurrent": 1, "queue_size": 5, "queue_timeout": "30s"}
    gateway = start(config_of([anthropic_channel(upstreams.anthropic, settings={"rate_limit": limit})], **WATCHED))
    release = threading.Event()
    upstreams.anthropic.script = held(release)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask_anthropic, gateway) for _ in range(3)]
        gateway.wait_until(lambda: gauge(gateway, "requests_queued") == 2, "two wait")
        assert gauge(gateway, "requests_running") == 1
        assert len(upstreams.anthropic.requests) == 1
        release.set()
        answers = [each.result() for each in asked]

    assert [answer.status for answer in answers] == [200, 200, 200]
    waits = [attempts(record_of(gateway, answer))[0]["queued_ms"] for answer in answers]
    assert len([each for each in waits if each]) == 2
    assert gauge(gateway, "requests_queued") == 0


def test_full_channel_gives_way_to_another_without_a_wait(start: StartGateway, upstreams: Upstreams) -> None:
    first, twin = two_channels(upstreams)
    first["settings"] = {"rate_limit": {"rpm": 1, "queue_size": 5, "queue_timeout": "30s"}}
    gateway = start(config_of([first, twin]))

    channels = [ask_anthropic(gateway).header("x-axonhub-channel") for _ in range(3)]

    assert channels == ["first", "twin", "twin"]


def test_nobody_waits_for_ever_nor_behind_a_full_queue(start: StartGateway, upstreams: Upstreams) -> None:
    """A limit puts a channel last, but leaves no request without a try."""
    limit = {"rpm": 1, "queue_size": 1, "queue_timeout": "100ms"}
    gateway = start(config_of([anthropic_channel(upstreams.anthropic, settings={"rate_limit": limit})]))

    answers = [ask_anthropic(gateway) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert attempts(record_of(gateway, answers[2]))[0]["queued_ms"]


def test_credential_is_taken_out_of_use_by_a_rule(start: StartGateway, upstreams: Upstreams) -> None:
    rule = {"status_codes": [403], "keyword_patterns": ["refused with"], "disable_duration": "1h"}
    channel = anthropic_channel(
        upstreams.anthropic, api_keys=["sk-one", "sk-two"], settings={"api_key_auto_disable_rules": [rule]}
    )
    gateway = start(config_of([channel], **WATCHED))
    upstreams.anthropic.script = in_turn(
        refusing(403, "permission_error"), anthropic(say("Said by Anthropic."), upstreams.refusals)
    )

    answer = ask_anthropic(gateway)
    later = [ask_anthropic(gateway).status for _ in range(4)]

    assert [answer.status, *later] == [200] * 5
    keys = [request.header("x-api-key") for request in upstreams.anthropic.requests]
    assert len(set(keys[1:])) == 1
    assert keys[0] != keys[1]
    told = attempts(record_of(gateway, answer))[0]["consequence"]
    assert told == "credential disabled for 3600 s: status 403 with certain words in the error, 1 time"
    assert gauge(gateway, "credentials_disabled") == 1
    assert gauge(gateway, "disabled") == 0
    assert "sk-one" not in gateway.log()


def test_channel_is_taken_out_of_use_by_a_rule_and_comes_back(start: StartGateway, upstreams: Upstreams) -> None:
    rule = {"status_codes": [500], "times": 2, "window": "1m"}
    retry = {"max_same_channel_retries": 0}
    channel = anthropic_channel(upstreams.anthropic, settings={"auto_disable_rules": [rule]})
    gateway = start(config_of([channel], retry=retry, **WATCHED))
    upstreams.anthropic.script = refusing(500, "api_error")
    failing = [ask_anthropic(gateway).status for _ in range(2)]
    upstreams.anthropic.script = anthropic(say("Said by Anthropic."), upstreams.refusals)
    upstreams.anthropic.forget()

    out = ask_anthropic(gateway)

    assert failing == [500, 500]
    assert out.status == 503
    assert b"disabled by a rule: status 500, 2 times" in out.body
    assert upstreams.anthropic.requests == []
    assert gauge(gateway, "disabled") == 1
    gateway.edit(channels=[{**channel, "weight": 50}])
    gateway.wait_until(lambda: ask_anthropic(gateway).status == 200, "the edited channel is in use")


@pytest.mark.parametrize("wait", ["before another try", "for room"])
def test_caller_who_leaves_while_nothing_is_under_way_is_noticed_at_once(
    start: StartGateway, upstreams: Upstreams, wait: str
) -> None:
    limit = {"rpm": 1, "queue_size": 1, "queue_timeout": "60s"} if wait == "for room" else {}
    channel = anthropic_channel(upstreams.anthropic, settings={"rate_limit": limit})
    gateway = start(config_of([channel], retry={"delay": "60s"}, **WATCHED))
    if wait == "for room":
        assert ask_anthropic(gateway).status == 200
        with calling_without_answer(gateway):
            gateway.wait_until(lambda: gauge(gateway, "requests_queued") == 1, "it waits")
        gateway.wait_until(lambda: gauge(gateway, "requests_queued") == 0, "it waits no longer")
    else:
        upstreams.anthropic.script = refusing(500, "api_error")
        with calling_without_answer(gateway):
            upstreams.anthropic.wait_for(1)
            gateway.wait_until(lambda: "first failed" in gateway.log(), "the first try has failed")
    gateway.wait_until(lambda: [each["outcome"] for each in traces(gateway)][:1] == ["canceled"], "it is recorded")

    assert len(upstreams.anthropic.requests) == 1
    assert gauge(gateway, "requests_running") == 0
