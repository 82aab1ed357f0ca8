"""The prompt-cache doctor: what was lost with which request, why, and who changed the prompt."""

import json
from decimal import Decimal
from typing import Any

from axonhub.addons.analysis.caches import Finding, diagnose
from axonhub.addons.analysis.caches_text import findings_text, hit_rates
from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.store.backend import Counters, Record, UsageRow
from axonhub.transformers.hub.usage import Usage
from tests.analysis.trace import call, exchange, result, said, user

SYSTEM = [{"type": "text", "text": "Be brief. " * 50}]
GREP = call("Grep", 1, pattern="x")


def price(record: Record, used: Usage) -> Decimal | None:
    """A dollar for a thousand tokens, a tenth when read, a quarter more when written."""
    fresh, read = used.fresh_tokens or 0, used.cache_read_tokens or 0
    return (Decimal(fresh) + Decimal(read) / 10 + Decimal(used.cache_write_tokens) * 5 / 4) / 1000


def told(read: int, written: int, fresh: int = 10) -> dict[str, Any]:
    return {"input": fresh, "cache_read": read, "cache_write_5m": written, "cache_write_1h": 0, "output": 5}


def first(**more: Any) -> Stored:
    return exchange(1, [user("hello")], [GREP], **{"request": {"system": SYSTEM}, "usage": told(0, 5000), **more})


def second(**more: Any) -> Stored:
    messages = [user("hello"), said(GREP), user(result(1))]
    whole = {"at_s": 10, "request": {"system": SYSTEM}, "usage": told(5000, 700), **more}
    return exchange(2, messages, **whole)


def last(*trace: Stored) -> Finding:
    return diagnose(trace, price)[-1]


def test_prompt_that_goes_on_and_is_read_is_in_order() -> None:
    findings = diagnose([first(), second()], price)

    assert [("first", None, 0), ("kept", "req_1", 0)] == [(f.cause, f.previous_id, f.lost_tokens) for f in findings]
    assert "none that could have been was paid for again" in findings_text(findings)


def test_change_by_the_client_is_named_and_priced() -> None:
    changed = second(
        request={"system": [{"type": "text", "text": "At 12:01, " + SYSTEM[0]["text"]}]}, usage=told(0, 5700)
    )

    found = last(first(), changed)

    assert ("broken", "client", 5000, 5000) == (found.cause, found.by, found.expected_tokens, found.lost_tokens)
    assert found.change is not None
    assert ("system[0]", b"At") == (found.change.path, (changed.sent or b"")[found.change.byte :][:2])
    assert 5000 * (1.25 - 0.1) / 1000 * 1e6 == found.lost_micro_usd
    assert "the client changed system[0]" in findings_text([found])


def test_change_that_only_the_provider_saw_is_the_gateways() -> None:
    def at(number: int) -> dict[str, bytes]:
        stored = (first, second)[number - 1]()
        sent = json.loads(stored.asked or b"")
        sent["system"] = [{"type": "text", "text": f"request {number}"}, *sent["system"]]
        return {"request": stored.asked or b"", "upstream_request": json.dumps(sent).encode()}

    found = last(first(bodies=at(1)), second(bodies=at(2), usage=told(0, 5700)))

    assert ("broken", "gateway", "system[0]") == (found.cause, found.by, found.change and found.change.path)


def test_renaming_of_the_model_is_no_break() -> None:
    renamed = {"used_model": "claude-opus-4-8"}

    assert "kept" == last(first(**renamed), second(**renamed)).cause
    assert b'"model": "claude-opus-4-8"' not in (first(**renamed).asked or b"")
    assert b'"claude-opus-4-8"' in (first(**renamed).sent or b"")


def test_other_channel_or_credential_has_another_cache() -> None:
    tries = [
        {"channel": "first", "protocol": "anthropic/messages", "credential_tail": tail} for tail in ("aaaa", "bbbb")
    ]

    to_channel = last(first(), second(channel="backup", usage=told(0, 5700)))
    to_credential = last(first(attempts=tries[:1]), second(attempts=tries[1:], usage=told(0, 5700)))

    assert ("moved", "from channel first to backup") == (to_channel.cause, to_channel.note)
    assert ("moved", "to another credential of the channel") == (to_credential.cause, to_credential.note)


def test_pause_longer_than_the_cache_lives_is_told() -> None:
    assert "expired" == last(first(), second(at_s=400, usage=told(0, 5700))).cause
    assert "unknown" == last(first(), second(at_s=200, usage=told(0, 5700))).cause
    hour = {**told(0, 0), "cache_write_1h": 5000}
    assert "unknown" == last(first(usage=hour), second(at_s=400, usage=told(0, 5700))).cause


def test_other_agents_models_and_errands_are_conversations_of_their_own() -> None:
    helper = exchange(3, [user("errand")], agent="a1", at_s=5, request={"system": SYSTEM}, usage=told(0, 900))
    title = exchange(4, [user("Name this chat, please, in a few words.")], at_s=6, usage=told(0, 0, 40))
    small = exchange(5, [user("hello")], at_s=7, used_model="haiku", request={"system": SYSTEM}, usage=told(0, 800))

    causes = {each.request_id: each.cause for each in diagnose([first(), helper, title, small, second()], price)}

    assert {"req_1": "first", "req_3": "first", "req_4": "first", "req_5": "first", "req_2": "kept"} == causes


def test_failures_and_what_has_no_body_are_left_out() -> None:
    failed = exchange(7, [user("hello")], outcome="error", at_s=1)

    assert ["req_1"] == [each.request_id for each in diagnose([first(), failed, exchange(8, [], bodies={})], price)]
    assert "No request of this trace" in findings_text(())


def test_without_a_price_the_tokens_are_told_still() -> None:
    findings = diagnose([first(), second(at_s=400, usage=told(0, 5700))], lambda record, used: None)

    assert (5000, None) == (findings[-1].lost_tokens, findings[-1].lost_micro_usd)
    assert "what has no price" in findings_text(findings)


def test_hit_rate_is_the_share_of_input_that_was_read() -> None:
    rows = [
        UsageRow(0, "first", Counters(requests=2, input_tokens=100, cache_read_tokens=800, cache_write_5m_tokens=100)),
        UsageRow(0, "silent", Counters(requests=1)),
    ]

    assert [0.8, None] == [each["hit_rate"] for each in hit_rates(rows)]
