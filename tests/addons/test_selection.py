"""Which channels may serve a request, in which order, and which one comes next."""

from collections import Counter

import pytest

from axonhub.addons.config import ApiKey, Channel, Config, Mapping, Profile
from axonhub.addons.errors import NoChannel, UnknownModel
from axonhub.addons.exchange import Attempt, Exchange, TraceIds
from axonhub.addons.health import Health
from axonhub.addons.remapping import allows, wanted_model
from axonhub.addons.routes import claim
from axonhub.addons.selection import ranked

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
