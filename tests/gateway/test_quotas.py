"""Who has used up what the operator allows gets 429 before anything reaches a provider; a restart forgets nothing."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from tests.gateway.caller import Answer
from tests.gateway.conftest import (
    CHAT_HEADERS,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    ask_chat,
    chat_body,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Config, Gateway
from tests.gateway.test_traces import record_of, traces
from tests.upstreams.chat import chat
from tests.upstreams.plan import Turn, Usage
from tests.upstreams.server import Raw, Reply, Request, json_reply

ADMIN = "admin-token-of-the-test"
TURN = Turn(text="Not for nothing.", usage=Usage(fresh=901, cache_read=99, out=42))
PRICES = [{"model": "gpt-4.1", "input": 2, "output": "8.5", "cache_read": "0.5"}]  # 2,208 millionths for a turn


KEYS: Mapping[str, Mapping[str, object]] = {
    "two today": {"requests": 2, "period": {"calendar": "day"}},
    "two": {"requests": 2, "period": {"calendar": "day"}},
    "none": {"requests": 0, "period": "all_time"},
    "none for long": {"requests": 0, "period": {"past": "5h"}},
    "tokens": {"tokens": 2_084},
    "weighed tokens": {"tokens": 2_084, "cache_read_weight": "0.1"},
    "cost": {"cost_usd": "0.004416"},
    "three at once": {"requests": 3},
    "one": {"requests": 1},
    "rolling": {"requests": 1, "period": {"past": "3s"}},
    "free": {},
}
"""Each test has its own."""


def secret_of(name: str) -> str:
    return f"ah-key-{name.replace(' ', '-')}"


def keyed(quotas: Mapping[str, Mapping[str, object]]) -> list[Config]:
    return [{"name": name, "key": secret_of(name), "quota": quota} for name, quota in quotas.items()]


def limited(upstreams: Upstreams, keys: list[Config]) -> Config:
    channels = [anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)]
    return config_of(channels, keys, prices=PRICES, server={"admin": {"token": ADMIN}})


@pytest.fixture(scope="module")
def shared(start_for_module: StartGateway, standing_upstreams: Upstreams) -> Gateway:
    return start_for_module(limited(standing_upstreams, keyed(KEYS)), way="serve")


@pytest.fixture(autouse=True)
def scripted(upstreams: Upstreams) -> None:
    upstreams.chat.script = chat(lambda conversation: TURN, upstreams.refusals)


def statuses(gateway: Gateway, key: str, count: int) -> list[int]:
    return [ask_chat(gateway, secret_of(key)).status for _ in range(count)]


def wait_for_records(gateway: Gateway, count: int) -> None:
    gateway.wait_until(lambda: len(traces(gateway)) >= count, f"{count} records")


def restarted(start: StartGateway, gateway: Gateway, config: Config) -> Gateway:
    """The same store under a new process."""
    gateway.stop()
    return start({**config, "store": {"path": str(gateway.folder / "store")}}, way="serve")


def test_the_request_over_the_limit_reaches_nobody(shared: Gateway, upstreams: Upstreams) -> None:
    assert statuses(shared, "two today", 2) == [200, 200]

    chat_answer, anthropic_answer = (
        ask(shared, secret_of("two today"))
        for ask in (ask_chat, ask_anthropic)  # type: ignore[operator]
    )

    assert (chat_answer.status, anthropic_answer.status) == (429, 429)
    assert chat_answer.error()["code"] == "quota_exceeded"
    assert anthropic_answer.error()["type"] == "rate_limit_error"
    assert "2 requests today" in str(anthropic_answer.error()["message"])
    assert 0 < int(str(chat_answer.header("retry-after"))) <= 86_400
    assert chat_answer.header("x-axonhub-request-id")
    assert (len(upstreams.chat.requests), len(upstreams.anthropic.requests)) == (2, 0)
    assert statuses(shared, "free", 1) == [200]


def test_a_gemini_client_is_told_in_its_own_words(shared: Gateway) -> None:
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}).encode()
    headers = (("x-goog-api-key", secret_of("none")), CHAT_HEADERS[1])

    answer = shared.call("POST", "/v1beta/models/gpt-4.1:generateContent", headers, body)

    assert answer.status == 429
    assert (answer.error()["code"], answer.error()["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert answer.header("retry-after")


def test_lists_and_counts_are_open_to_whoever_has_used_everything_up(shared: Gateway) -> None:
    headers = (("x-api-key", secret_of("none")), ("content-type", "application/json"))

    assert shared.call("GET", "/v1/models", headers).status == 200
    assert shared.call("POST", "/v1/messages/count_tokens", headers, messages_body("gpt-4.1")).status == 200
    assert statuses(shared, "none", 1) == [429]


def test_tokens_from_a_cache_weigh_what_the_quota_says(shared: Gateway) -> None:
    """A turn is 943 tokens and 99 from the cache: 1,042 in full, 952.9 with a tenth."""
    assert statuses(shared, "tokens", 3) == [200, 200, 429]
    assert statuses(shared, "weighed tokens", 4) == [200, 200, 200, 429]


def test_a_cost_is_exact_to_the_millionth_also_in_streams(shared: Gateway) -> None:
    streamed = ask_anthropic(shared, secret_of("cost"), messages_body("gpt-4.1", stream=True))

    assert streamed.status == 200
    assert statuses(shared, "cost", 2) == [200, 429]


def test_many_at_once_do_not_slip_through(shared: Gateway, upstreams: Upstreams) -> None:
    release, script = threading.Event(), upstreams.chat.script

    def slow(request: Request) -> Reply | Raw:
        assert release.wait(20)
        return script(request)

    upstreams.chat.script = slow
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(ask_chat, shared, secret_of("three at once")) for _ in range(10)]
        shared.wait_until(lambda: sum(each.done() for each in asked) == 7, "seven are refused at once")
        release.set()

    assert sorted(each.result().status for each in asked) == [200] * 3 + [429] * 7
    assert len(upstreams.chat.requests) == 3


def test_a_request_that_failed_at_the_gateway_gives_its_place_back(shared: Gateway) -> None:
    unknown = [ask_chat(shared, secret_of("one"), chat_body("nobody-serves-this")).status for _ in range(3)]

    assert unknown == [404] * 3
    assert statuses(shared, "one", 2) == [200, 429]


def test_a_rolling_period_gives_room_again(shared: Gateway) -> None:
    assert statuses(shared, "rolling", 1) == [200]

    refused = ask_chat(shared, secret_of("rolling"))

    assert refused.status == 429
    assert 1 <= int(str(refused.header("retry-after"))) <= 4
    assert refused.header("x-should-retry") is None
    shared.wait_until(lambda: statuses(shared, "rolling", 1) == [200], "the first has left the period")


def test_a_client_that_would_wait_for_long_is_told_not_to_try_again(shared: Gateway) -> None:
    assert ask_anthropic(shared, secret_of("none for long")).header("x-should-retry") == "false"


PERIODS: Mapping[str, object] = {
    "hours": {"past": "10h"},
    "days": {"past": "90d"},
    "month": {"calendar": "month", "timezone": "Asia/Kolkata"},
    "ever": "all_time",
}


def test_a_restart_forgets_nothing(start: StartGateway, upstreams: Upstreams) -> None:
    """What was refused is in the store as well, and must not have used anything up."""
    config = limited(
        upstreams, keyed({name: {"requests": 3, "cost_usd": 1, "period": PERIODS[name]} for name in PERIODS})
    )
    first = start(config)
    for name in PERIODS:
        assert statuses(first, name, 2) == [200, 200]
        assert ask_chat(first, secret_of(name), chat_body("nobody-serves-this")).status == 404

    second = restarted(start, first, config)

    for name in PERIODS:
        assert statuses(second, name, 3) == [200, 429, 429]
    wait_for_records(second, 6 * len(PERIODS))
    assert [each["used"] for each in quotas(second)] == [{"requests": 3, "cost_usd": "0.006624"}] * len(PERIODS)


def test_a_killed_gateway_has_counted_what_was_under_way(start: StartGateway, upstreams: Upstreams) -> None:
    config = limited(upstreams, keyed({"two": {"requests": 2}}))
    first = start(config)
    assert statuses(first, "two", 1) == [200]
    script, never = upstreams.chat.script, threading.Event()

    def silent(request: Request) -> Reply:
        never.wait(20)
        return json_reply(500, {})

    upstreams.chat.script = silent
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(statuses, first, "two", 1)
        first.wait_until(lambda: len(upstreams.chat.requests) == 2, "the second request is at the provider")
        wait_for_records(first, 2)
        first.process.kill()
        never.set()
        assert lost.exception() is not None
    first.process.wait()
    first.process.returncode = 0  # as meant
    upstreams.chat.script = script

    second = start({**config, "store": {"path": str(first.folder / "store")}})

    assert statuses(second, "two", 1) == [429]


def test_each_profile_has_its_own_room_within_the_keys(start: StartGateway, upstreams: Upstreams) -> None:
    profiles = [{"name": "small", "quota": {"requests": 1}}, {"name": "large", "quota": {"requests": 5}}]
    (key,) = keyed({"me": {"requests": 4}})
    config = limited(upstreams, [{**key, "active_profile": "small", "profiles": profiles}])
    gateway = start(config)
    assert statuses(gateway, "me", 1) == [200]
    assert "profile 'small' of the API key 'me'" in str(ask_chat(gateway, secret_of("me")).error()["message"])

    assert gateway.command("profile", "use", "me", "large").returncode == 0

    assert statuses(gateway, "me", 4) == [200, 200, 200, 429]
    gateway = restarted(start, gateway, config)
    assert [(each["profile"], each["used"]) for each in quotas(gateway)] == [
        (None, {"requests": 4}),
        ("small", {"requests": 1}),
        ("large", {"requests": 3}),
    ]
    assert statuses(gateway, "me", 1) == [429]


def test_a_quota_that_is_set_while_the_gateway_runs_knows_what_was_before(
    start: StartGateway, upstreams: Upstreams
) -> None:
    gateway = start(limited(upstreams, keyed({"me": {}})))
    assert statuses(gateway, "me", 3) == [200] * 3

    gateway.edit(api_keys=keyed({"me": {"requests": 4, "period": {"past": "1h"}}}))
    gateway.wait_until(lambda: b"axonhub_quota_limit" in metrics(gateway), "the edit is in force")

    assert statuses(gateway, "me", 2) == [200, 429]


def test_commands_and_metrics_tell_how_quotas_stand(start: StartGateway, upstreams: Upstreams) -> None:
    channels = [chat_channel(upstreams.chat, supported_models=["gpt-4.1", "nobody-knows"])]
    keys = keyed({"me": {"requests": 3, "cost_usd": 1, "period": {"calendar": "month"}}})
    gateway = start({**limited(upstreams, keys), "channels": channels})
    for model in ("gpt-4.1", "nobody-knows"):
        record_of(gateway, ask_chat(gateway, secret_of("me"), chat_body(model)))

    (quota,) = quotas(gateway)
    by_key = cast("list[dict[str, object]]", json.loads(gateway.command("usage", "--by", "key", "--json").stdout))

    assert quota["limits"] == {"requests": 3, "cost_usd": 1}
    assert (quota["used"], quota["unpriced"]) == ({"requests": 2, "cost_usd": "0.002208"}, 1)
    assert [each["quotas"] for each in by_key] == [[quota]]
    assert "2/3 requests, 0.002208/1 USD (+1 unpriced) this month" in gateway.command("key", "list").stdout
    assert "2/3 requests" in gateway.command("usage", "--by", "key").stdout
    assert "unpriced" in gateway.command("usage", "--by", "model").stdout
    assert "unpriced" in gateway.command("trace", "list").stdout
    shown = metrics(gateway)
    assert b'axonhub_quota_limit{key="me",profile="",kind="requests"} 3\n' in shown
    assert b'axonhub_quota_used{key="me",profile="",kind="requests"} 2\n' in shown
    assert b'axonhub_quota_used{key="me",profile="",kind="cost_usd"} 0.002208\n' in shown
    assert b'axonhub_quota_unpriced{key="me",profile=""} 1\n' in shown


def quotas(gateway: Gateway) -> list[dict[str, object]]:
    shown = gateway.command("key", "list", "--json")
    assert shown.returncode == 0, shown.stderr
    return [quota for key in json.loads(shown.stdout) for quota in key["quotas"]]


def metrics(gateway: Gateway) -> bytes:
    answer: Answer = gateway.call("GET", "/metrics", (("authorization", f"Bearer {ADMIN}"),))
    assert answer.status == 200
    return answer.body
