"""Which channels may serve a request, in which order, and which one comes next."""

import json
from collections import Counter
from dataclasses import dataclass

import pytest
from mitmproxy.test.tflow import tflow

from axonhub.addons.config import ApiKey, Channel, Config, Mapping, Profile, Retry
from axonhub.addons.errors import NoChannel, UnknownModel
from axonhub.addons.exchange import Attempt, Exchange, TraceIds, open_exchange
from axonhub.addons.health import Health
from axonhub.addons.provider_quota import ProviderQuota, Window
from axonhub.addons.ranking import digest_of, ranked
from axonhub.addons.remapping import allows, wanted_model
from axonhub.addons.routes import claim
from axonhub.addons.selection import Selection
from axonhub.transformers.hub.failures import Failure, FailureKind

NOW = 5000.0


def channel(name: str, **given: object) -> Channel:
    return Channel(name=name, type="openai", **{"supported_models": ("m",), **given})


def exchange(*channels: Channel, model: str = "m", profile: Profile | None = None, **given: object) -> Exchange:
    asked = Exchange(
        "req_1", 0.0, Config(channels=channels), claim("POST", "/v1/messages", {}), "/v1/messages", **given
    )
    asked.wanted_model, asked.profile = model, profile
    return asked


def names(asked: Exchange, home: str = "") -> list[str]:
    return [candidate.channel.name for candidate in ranked(asked, home, Health(), NOW)]


def test_lower_priority_group_comes_first_whatever_the_weight():
    assert ["b", "a"] == names(exchange(channel("a", priority=1, weight=100), channel("b", priority=0, weight=1)))


def test_disabled_archived_and_foreign_channels_are_no_candidates():
    asked = exchange(
        channel("a", status="disabled"),
        channel("b", status="archived"),
        channel("c", supported_models=("other",)),
        channel("d"),
    )

    assert ["d"] == names(asked)


def test_home_of_the_trace_wins_within_its_group_only():
    asked = exchange(channel("a"), channel("b"), channel("c", priority=1))

    assert "a" == names(asked, home="a")[0]
    assert "b" == names(asked, home="b")[0]
    assert "c" == names(asked, home="c")[-1]


def test_channel_whose_only_credential_rests_or_is_used_up_comes_last():
    first = channel("a", api_keys=("one",), weight=100)
    asked = exchange(first, channel("b", api_keys=("two",), weight=1), trace=TraceIds("t"))
    digest = digest_of(first.api_keys[0])
    fresh, resting, used_up = Health(), Health(), Health()
    resting.cool_credential("a", digest, 20.0, NOW)
    used_up.quotas.tell("a", digest, ProviderQuota((Window("5h", 1.0),)), NOW)

    orders = [[each.channel.name for each in ranked(asked, "a", health, NOW)] for health in (fresh, resting, used_up)]
    assert [["a", "b"], ["b", "a"], ["b", "a"]] == orders


def test_one_trace_always_gets_the_same_order():
    channels = [channel(f"c{number}") for number in range(5)]
    orders = {tuple(names(exchange(*channels, trace=TraceIds("t1")))) for _ in range(5)}

    assert 1 == len(orders)


def test_traces_spread_by_weight():
    channels = (channel("heavy", weight=90), channel("light", weight=10))
    first = Counter(names(exchange(*channels, trace=TraceIds(f"t{number}")))[0] for number in range(2000))

    assert 1700 < first["heavy"] < 1900


def test_channel_that_goes_moves_only_its_own_traces():
    channels = [channel(f"c{number}") for number in range(4)]
    traces = [TraceIds(f"t{number}") for number in range(200)]
    before = [names(exchange(*channels, trace=trace))[0] for trace in traces]
    after = [names(exchange(*channels[:-1], trace=trace))[0] for trace in traces]

    assert all(old == new for old, new in zip(before, after, strict=True) if old != "c3")


def test_unknown_model_is_404_and_waiting_channel_is_503_with_its_reason():
    with pytest.raises(UnknownModel, match="'x'"):
        ranked(exchange(channel("a"), model="x"), "", Health(), NOW)
    with pytest.raises(NoChannel, match="set SOME_KEY"):
        ranked(exchange(channel("a", status="disabled", disabled_reason="set SOME_KEY")), "", Health(), NOW)


def test_channels_own_mapping_is_the_last_rename():
    renaming = channel("a", supported_models=("real",), model_mappings=(Mapping(from_="m", to="real"),))

    assert "real" == ranked(exchange(renaming), "", Health(), NOW)[0].model


@pytest.mark.parametrize(
    ("profile", "allowed"),
    [
        (None, True),
        (Profile(name="p"), True),
        (Profile(name="p", channels=("a",)), True),
        (Profile(name="p", channels=("b",)), False),
        (Profile(name="p", channels=("b",), channel_tags=("prod",)), True),
        (Profile(name="p", channel_tags=("test",)), False),
    ],
)
def test_profile_limits_channels_by_name_or_tag(profile: Profile | None, allowed: bool):
    assert allowed == allows(profile, channel("a", tags=("prod",)))


def test_first_mapping_wins_and_there_is_no_chain():
    mappings = (
        Mapping(from_="claude-sonnet-4-5", to="deepseek-reasoner"),
        Mapping(from_="claude-.*", to="deepseek-chat"),
        Mapping(from_="deepseek-chat", to="never"),
    )
    profile = Profile(name="p", model_mappings=mappings)

    assert "deepseek-reasoner" == wanted_model(profile, "claude-sonnet-4-5")
    assert "deepseek-chat" == wanted_model(profile, "claude-haiku-4-5")
    assert "xclaude-haiku" == wanted_model(profile, "xclaude-haiku")


def test_profile_refuses_what_it_does_not_offer():
    profile = Profile(name="p", models=("a",), model_mappings=(Mapping(from_="b", to="a"),))

    assert ["a", "a"] == [wanted_model(profile, "a"), wanted_model(profile, "b")]
    with pytest.raises(UnknownModel):
        wanted_model(profile, "c")


def test_key_without_profile_renames_nothing():
    assert ApiKey(name="k", key="some-long-key").active_profile is None
    assert "m" == wanted_model(None, "m")


def test_attempts_are_unset_before_the_first():
    asked = exchange(channel("a"))

    assert asked.attempt is None
    asked.attempts.append(Attempt(ranked(asked, "", Health(), NOW)[0], asked.address.protocol, None, 0.0))
    assert "a" == asked.headers["x-axonhub-channel"]


# -- what is known of the channels changes the order


def failed(kind: FailureKind, status: int | None = None, wait_s: float | None = None) -> Failure:
    return Failure(kind, "no", status=status, retry_after_s=wait_s)


SERVER = failed(FailureKind.SERVER, 500)
LIMITED = failed(FailureKind.RATE_LIMIT, 429)
REFUSED = failed(FailureKind.AUTHENTICATION, 401)


@dataclass
class Clock:
    now_s: float = NOW

    def __call__(self) -> float:
        return self.now_s


class Play:
    """A Selection with one exchange and a clock of the test's own; answering and outbound are played by the test."""

    def __init__(self, asked: Exchange, before: "Play | None" = None) -> None:
        self.asked = asked
        self.clock = before.clock if before else Clock()
        self.selection = before.selection if before else Selection(self.clock)
        asked.candidates = ranked(asked, "", self.selection.health, self.clock.now_s)

    def next(self) -> str | None:
        """The channel's name, with `+` and the pause where there is one."""
        choice = self.selection.next(self.asked)
        if choice is None:
            return None
        self.asked.attempts.append(Attempt(choice, self.asked.address.protocol, choice.credential, 0.0))
        return choice.channel.name + (f"+{choice.wait_s:g}" if choice.wait_s else "")

    def fail(self, failure: Failure) -> None:
        assert self.asked.attempt
        self.asked.attempt.failure = failure

    def tries(self, failure: Failure) -> list[str]:
        """All of them, when each one fails so."""
        found = []
        while (name := self.next()) is not None:
            found.append(name)
            self.fail(failure)
        return found

    def again(self) -> "Play":
        """The next request, at the same time or later."""
        fresh = Exchange(
            "req_2", 0.0, self.asked.config, self.asked.address, self.asked.path, profile=self.asked.profile
        )
        fresh.wanted_model = self.asked.wanted_model
        return Play(fresh, self)

    def credential(self) -> str:
        assert self.asked.attempt
        assert self.asked.attempt.credential
        return self.asked.attempt.credential.get_secret_value()


def play(*channels: Channel, profile: Profile | None = None, **sections: object) -> Play:
    asked = exchange(*channels, profile=profile)
    asked.config = Config(channels=channels, **sections)
    return Play(asked)


def in_order(count: int, **given: object) -> list[Channel]:
    return [channel(f"c{number}", priority=number, **given) for number in range(count)]


def test_other_channels_at_once_and_only_then_the_first_again_after_a_pause():
    assert ["c0", "c1", "c0+1", "c0+1"] == play(*in_order(2)).tries(SERVER)


def test_tries_are_bounded():
    assert 4 + 2 == len(play(*in_order(9)).tries(SERVER))
    assert ["c0", "c1"] == play(*in_order(9), retry={"max_channel_retries": 1, "max_same_channel_retries": 0}).tries(
        SERVER
    )


def test_retry_off_is_one_try():
    assert ["c0"] == play(*in_order(3), retry={"enabled": False}).tries(SERVER)


def test_what_will_not_pass_is_not_tried_on_the_same_channel_again():
    for kind in (FailureKind.NOT_FOUND, FailureKind.AUTHENTICATION, FailureKind.QUOTA, FailureKind.PERMISSION):
        assert ["c0", "c1"] == play(*in_order(2)).tries(failed(kind))


def test_same_channel_that_may_do_better_is_tried_and_the_other_is_not():
    asked = play(*in_order(2))
    asked.next()
    asked.fail(REFUSED)
    asked.next()
    asked.fail(SERVER)

    assert "c1+1" == asked.next()


def test_channels_own_list_makes_it_try_again():
    lost = failed(FailureKind.NOT_FOUND, 404)

    assert ["c0"] == play(*in_order(1)).tries(lost)
    assert ["c0", "c0+1", "c0+1"] == play(*in_order(1, settings={"retryable_status": [404]})).tries(lost)


def test_short_wait_that_was_asked_for_is_kept():
    assert ["c0", "c0+3", "c0+3"] == play(*in_order(1)).tries(failed(FailureKind.RATE_LIMIT, 429, 3))


def test_channel_that_wants_a_long_wait_is_not_asked_again():
    assert ["c0"] == play(*in_order(1)).tries(failed(FailureKind.RATE_LIMIT, 429, 30))


def test_cooling_channel_comes_last_until_it_is_over_and_is_not_left_out():
    first = play(*in_order(2))
    first.next()
    first.fail(failed(FailureKind.OVERLOADED, 529, 60))
    first.next()

    assert ["c1", "c0"] == [each.channel.name for each in first.again().asked.candidates]
    first.clock.now_s += 60
    assert "c0" == first.again().next()


def test_channel_that_began_to_cool_meanwhile_is_passed_over():
    slow = play(*in_order(3))
    slow.next()
    other = slow.again()
    other.next()
    other.fail(SERVER)
    other.next()
    other.fail(failed(FailureKind.OVERLOADED, 503, 60))
    other.next()

    slow.fail(SERVER)
    assert "c2" == slow.next()


def test_only_channel_is_tried_though_it_cools():
    first = play(*in_order(1))
    first.tries(failed(FailureKind.RATE_LIMIT, 429, 60))

    assert "c0" == first.again().next()


def test_limit_that_is_reached_puts_a_channel_last():
    asked = play(channel("a", settings={"rate_limit": {"max_concurrent": 1}}), channel("b", priority=1))

    assert "a" == asked.next()
    assert "b" == asked.again().next()
    asked.fail(SERVER)
    asked.next()
    assert "a" == asked.again().next()


def test_open_breaker_gives_way_then_gets_one_probe_then_closes():
    first = play(*in_order(2), retry={"max_same_channel_retries": 0})
    for _ in range(5):
        asked = first.again()
        asked.next()
        asked.fail(SERVER)
        asked.next()
    assert "c1" == first.again().next()

    first.clock.now_s += 301
    probe = first.again()
    assert "c0" == probe.next()
    assert "c1" == first.again().next()

    probe.asked.ended_s = 0.0
    flow = tflow()
    open_exchange(flow, probe.asked)
    probe.selection.response(flow)
    assert "c0" == first.again().next()


@pytest.mark.parametrize("kind", [FailureKind.RATE_LIMIT, FailureKind.AUTHENTICATION, FailureKind.QUOTA])
def test_every_credential_of_a_channel_is_tried_before_the_next_channel(kind: FailureKind):
    asked = play(channel("a", api_keys=("k1", "k2", "k3")), channel("b", priority=1, api_keys=("k9",)))
    used = []
    while (name := asked.next()) is not None and not name.startswith("b"):
        used.append(asked.credential())
        asked.fail(failed(kind))

    assert ["k1", "k2", "k3"] == sorted(used)
    assert "b" == name


def test_credential_that_was_refused_is_left_alone_by_the_next_request():
    first = play(channel("a", api_keys=("k1", "k2")))
    first.next()
    refused = first.credential()
    first.fail(REFUSED)
    first.next()

    following = first.again()
    following.asked.id = first.asked.id  # the same credential would be its own
    assert "a" == following.next()
    assert refused != following.credential()


def test_other_credential_does_not_help_a_broken_server():
    assert ["a", "a+1", "a+1"] == play(channel("a", api_keys=("k1", "k2"))).tries(SERVER)


def test_profiles_strategy_outranks_the_global_one():
    channels = (channel("light", weight=1), channel("heavy", weight=100))
    failover = Profile(name="p", load_balance="failover")

    for trace in range(20):
        asked = exchange(*channels, profile=failover, trace=TraceIds(f"t{trace}"))
        assert ["heavy", "light"] == names(asked, home="light")


def test_retry_after_is_told_only_when_every_channel_wants_to_be_left_alone():
    asked = play(*in_order(2))
    asked.next()
    asked.fail(failed(FailureKind.RATE_LIMIT, 429, 60))
    asked.next()
    assert asked.selection.retry_after_s(asked.asked) is None

    asked.fail(failed(FailureKind.RATE_LIMIT, 429, 40))
    assert asked.next() is None
    assert 40 == asked.selection.retry_after_s(asked.asked)


def test_count_that_failed_is_not_repeated_and_says_nothing_of_the_channel():
    asked = exchange(channel("a"))
    asked.address = claim("POST", "/v1/messages/count_tokens", {})
    counting = Play(asked)

    assert ["a"] == counting.tries(SERVER)
    assert 0 == counting.selection.health.vitals("a", "m", NOW).failures


def test_client_that_leaves_blames_nobody_and_frees_its_place():
    asked = play(channel("a"))
    asked.next()
    flow = tflow()
    open_exchange(flow, asked.asked)
    asked.asked.canceled = True
    asked.selection.error(flow)

    vitals = asked.selection.health.vitals("a", "m", NOW)
    assert (0, 0, 0) == (vitals.in_flight, vitals.failures, vitals.recent)


# -- why


def test_explanation_is_given_to_those_who_ask_and_holds_no_secret():
    asked = play(channel("a", api_keys=("a-secret-credential",)), channel("b"))
    asked.asked.client_headers = ((b"X-Debug-Mode", b"true"),)
    asked.tries(LIMITED)

    told = json.loads(asked.asked.headers["x-axonhub-debug"])
    assert {"a", "b"} == {each["channel"] for each in told["candidates"]}
    assert "rate_limit" == told["tries"][0]["kind"]
    assert "secret" not in asked.asked.explanation
    assert "x-axonhub-debug" not in exchange(channel("a")).headers


def test_explanation_is_bounded():
    asked = play(*in_order(300), retry=Retry(max_channel_retries=299))
    asked.asked.client_headers = ((b"x-debug-mode", b"true"),)
    asked.next()

    told = asked.asked.headers["x-axonhub-debug"]
    assert len(told) <= 4096
    assert json.loads(told)["left_out"]


def test_of_many_channels_some_are_drawn_by_weight_and_alike_for_a_trace():
    channels = [channel(f"c{number}", weight=100 if number < 50 else 1) for number in range(100)]
    drawn = [names(exchange(*channels, trace=TraceIds(f"t{number}"))) for number in range(300)]
    first = Counter(order[0] for order in drawn)

    assert {16} == {len(order) for order in drawn}
    assert drawn[0] == names(exchange(*channels, trace=TraceIds("t0")))
    assert 290 < sum(count for name, count in first.items() if int(name[1:]) < 50)
    assert 40 < len(first)


def test_home_of_the_trace_is_among_the_drawn_of_its_group():
    channels = [channel(f"c{number}") for number in range(100)]

    assert "c77" == names(exchange(*channels, trace=TraceIds("t")), home="c77")[0]


def test_many_channels_that_rest_are_passed_over():
    health = Health()
    channels = [channel(f"c{number}", priority=number) for number in range(100)]
    for number in range(90):
        health.cool(f"c{number}", 60.0, NOW)

    assert "c90" == ranked(exchange(*channels), "", health, NOW)[0].channel.name


def test_heaviest_of_many_is_first_where_weight_alone_decides():
    channels = [channel(f"c{number}", weight=number) for number in range(100)]
    asked = exchange(*channels, profile=Profile(name="p", load_balance="failover"))

    assert ["c99", "c98"] == names(asked)[:2]
