"""What the flow list says of an exchange, what is covered, and which flows stay."""

import asyncio
import json
from collections.abc import Sequence
from weakref import ref

import pytest
from mitmproxy import flowfilter, io
from mitmproxy.addons.view import View
from mitmproxy.http import HTTPFlow
from mitmproxy.test.taddons import context
from mitmproxy.test.tflow import tflow

from axonhub.addons.config import Config, Inspection
from axonhub.addons.exchange import Exchange
from axonhub.addons.masking import masked, secrets_of
from axonhub.addons.settings import Settings
from axonhub.addons.views import keeping
from axonhub.addons.views.window import Last, Window
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.readings import Readings
from tests.addons.views.exchanges import CHANNEL, CREDENTIAL, finished, shown_in

FAILURE = Failure(FailureKind.RATE_LIMIT, "Slow down.")


def ended(exchange: Exchange, window: Window | None = None, answer: bytes = b"{}") -> HTTPFlow:
    """Its flow, after the hook."""
    flow = shown_in(exchange, answer)

    async def respond() -> None:
        (window or Window(Settings())).response(flow)

    asyncio.run(respond())
    return flow


def found(flow: HTTPFlow, expression: str) -> bool:
    return bool(flowfilter.match(expression, flow))


def test_comment_names_key_models_channel_tokens_and_first_token_time() -> None:
    assert (
        "me · claude-haiku-4-5 → deepseek-chat · deepseek · 1,234 in (34 cached), 5 out · first 0.50 s"
        == ended(finished()).comment
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"failure": FAILURE}, "✗ rate_limit"),
        ({"canceled": True}, "client left"),
        ({"held": True}, "held: not streamed"),
        ({"sent_body": b"{}"}, "edited"),
    ],
)
def test_comment_tells_what_was_unusual(more: dict[str, object], words: str) -> None:
    assert words in ended(finished(**more)).comment


@pytest.mark.parametrize(
    "expression",
    [
        "~meta channel:deepseek",
        "~meta trace:trace-1",
        "~meta key:me",
        "~meta outcome:ok",
        "~meta asked:claude-haiku",
        "~meta cache:hit",
        "~comment deepseek-chat",
    ],
)
def test_flow_is_found_by(expression: str) -> None:
    flow = ended(finished())

    assert found(flow, expression)
    assert not found(flow, "~meta channel:other")


def test_marks_tell_failure_failover_and_a_cold_cache() -> None:
    failed_over = finished()
    failed_over.attempts[0].failure = FAILURE

    assert ":x:" == ended(finished(failure=FAILURE)).marked
    assert ":warning:" == ended(failed_over).marked
    assert "" == ended(finished()).marked


def test_cache_that_was_lost_is_marked_and_found() -> None:
    cold = ended(finished(cache_lost_tokens=4000, usage=Usage(fresh_tokens=5000)))

    assert ":snowflake:" == cold.marked
    assert "4,000 lost from cache" in cold.comment
    assert found(cold, "~meta cache:miss")


def test_mark_of_a_person_stays() -> None:
    exchange = finished(failure=FAILURE)
    flow = shown_in(exchange)
    flow.marked = ":red_circle:"

    async def respond() -> None:
        Window(Settings()).response(flow)

    asyncio.run(respond())

    assert ":red_circle:" == flow.marked


def test_flow_can_be_saved_and_keeps_its_words(tmp_path) -> None:
    flow, file = ended(finished()), tmp_path / "flows.mitm"
    with file.open("wb") as out:
        io.FlowWriter(out).add(flow)

    with file.open("rb") as saved:
        (again,) = io.FlowReader(saved).stream()

    assert found(again, "~meta channel:deepseek")
    assert all(isinstance(value, str) for value in again.metadata.values())


# -- credentials


def test_known_credential_is_covered_in_both_bodies() -> None:
    exchange = finished()
    exchange.attempts[0].request_body = f'{{"messages":"{CREDENTIAL}"}}'.encode()

    flow = ended(exchange, answer=f'{{"echo":"{CREDENTIAL}"}}'.encode())

    assert b'{"messages":"' + b"*" * len(CREDENTIAL) + b'"}' == flow.request.content
    assert flow.response
    assert b'{"echo":"' + b"*" * len(CREDENTIAL) + b'"}' == flow.response.content
    assert CREDENTIAL not in repr(flow.get_state())


def test_operator_may_want_to_see_everything() -> None:
    config = Config.model_validate({"inspection": {"redact": False}, "channels": (CHANNEL,)})

    assert () == secrets_of(config)


def test_covering_changes_no_length_and_nothing_without_need() -> None:
    body = b"my key is sk-1234567890"

    assert b"my key is *************" == masked(body, [b"sk-1234567890"])
    assert body is masked(body, [b"another-key"])


def test_client_gets_its_answer_uncovered() -> None:
    content, flow = b'{"echo":"secret"}', shown_in(finished())
    assert flow.response
    shown = b'{"echo":"******"}'
    flow.response.data.content = shown
    last, sent = Last(Inspection), []

    async def respond() -> None:
        last.covered(flow, content, shown)
        with context():
            last.response(flow)
            assert flow.response
            sent.append(flow.response.content)
            await asyncio.sleep(0)

    asyncio.run(respond())

    assert [content] == sent
    assert shown == flow.response.content


# -- what stays


def flows(count: int, size: int) -> Sequence[HTTPFlow]:
    listed = [tflow(resp=True) for _ in range(count)]
    for each in listed:
        each.live = False
        each.request.content = bytes(size)
    return listed


def test_oldest_flows_go_beyond_the_number() -> None:
    listed = flows(5, 10)

    assert listed[:2] == list(keeping.too_many(listed, 3, 10**9))


def test_oldest_flows_go_beyond_the_memory() -> None:
    listed = flows(5, 1_000_000)

    assert listed[:3] == list(keeping.too_many(listed, 100, 2_500_000))


def test_live_intercepted_and_marked_flows_stay() -> None:
    listed = flows(6, 10)
    listed[0].live = True
    listed[1].intercepted = True
    listed[2].marked = ":red_circle:"
    listed[3].marked = ":x:"

    assert listed[3:5] == list(keeping.too_many(listed, 2, 10**9))[:2]
    assert not any(each in listed[:3] for each in keeping.too_many(listed, 0, 0))


def test_one_body_in_two_places_counts_once() -> None:
    exchange = finished()
    exchange.attempts[0].request_body = exchange.attempts[0].renamed_body = exchange.body = bytes(1_000_000)

    assert 1_000_000 <= keeping.size_of(shown_in(exchange)) < 1_100_000


def test_list_of_mitmweb_is_cut_as_the_operator_says() -> None:
    last = Last(lambda: Inspection(keep_flows=2))
    listed = flows(4, 10)
    with context(View()) as tools:
        view = tools.master.addons.get("view")
        view.add(listed)
        last.response(listed[-1])

        assert listed[2:] == list(view.resolve("@all"))


def test_body_that_is_read_lets_the_one_before_go() -> None:
    class Turn: ...

    before, exchange = Readings(), finished()
    gone = ref(before.of("messages[9]", {}, Turn))
    exchange.readings = Readings(before)
    del before
    assert gone()
    exchange.hub_request()

    assert gone() is None


def test_record_written_lets_the_parsed_bodies_go() -> None:
    exchange = finished(recorded=True)
    assert exchange.hub_request()

    ended(exchange)

    assert {} == exchange.document
    assert exchange.request is None
    assert "hello" in json.loads(exchange.body)["messages"][0]["content"]
