"""`axonhub explain`: each renaming layer in order, the candidates as selection has them, and why the others are out."""

import pytest

from axonhub.addons.config import ApiKey, Channel, ChannelSettings, Config, Mapping, Profile
from axonhub.addons.health import Health
from axonhub.addons.model_report import ModelReport, as_json, in_words, report

DEEPSEEK = Profile(
    name="deepseek",
    model_mappings=(
        Mapping(from_="claude-opus-4-5", to="deepseek-reasoner"),
        Mapping(from_="claude-.*", to="deepseek-chat"),
    ),
    channels=("ds", "prefixed", "off", "none"),
)
CHANNELS = (
    Channel(name="ds", type="deepseek", supported_models=("deepseek-chat", "deepseek-reasoner")),
    Channel(
        name="prefixed",
        type="openai",
        supported_models=("vendor/DeepSeek-Chat",),
        auto_trim_model_prefixes=("vendor",),
        settings=ChannelSettings(lowercase_model_id=True, hide_original_models=True),
        priority=5,
    ),
    Channel(name="off", type="deepseek", status="disabled", disabled_reason="set DEEPSEEK_API_KEY"),
    Channel(name="none", type="openai", supported_models=("deepseek-chap",)),
    Channel(name="foreign", type="openai", supported_models=("deepseek-chat",)),
    Channel(
        name="dead", type="openai", supported_models=("a",), model_mappings=(Mapping(from_="deepseek-.*", to="b"),)
    ),
    Channel(name="gone", type="openai", status="archived", supported_models=("deepseek-chat",)),
)
CONFIG = Config(channels=CHANNELS)
KEY = ApiKey(name="me", key="k", profiles=(DEEPSEEK,))


def explained(model: str = "claude-haiku-4-5", **more: object) -> ModelReport:
    return report(CONFIG, KEY, DEEPSEEK, model, **more)  # type: ignore[arg-type]


def test_layers_are_told_in_order():
    found = explained()

    assert found.profile_step is not None
    assert ("claude-haiku-4-5", "deepseek-chat") == (found.profile_step.before, found.profile_step.after)
    assert "mapping 2: claude-.*" == found.profile_step.rule
    assert [("ds", "deepseek-chat"), ("prefixed", "vendor/DeepSeek-Chat")] == [
        (each.channel, each.renaming.after) for each in found.candidates if each.renaming
    ]
    assert "auto_trim_model_prefixes, in lower case" in str(found.candidates[1].renaming)
    assert [False, True] == [each.hidden for each in found.candidates]


def test_each_channel_that_is_out_has_its_reason():
    assert {
        "off": "set DEEPSEEK_API_KEY",
        "none": "does not serve 'deepseek-chat', but 'deepseek-chap'",
        "foreign": "the profile 'deepseek' does not allow it",
        "dead": "its mapping 'deepseek-.*' is dead: 'b' is not in supported_models",
    } == {each.channel: each.out for each in explained().out}


def test_scores_are_those_of_the_gateways_own_history():
    health = Health()
    health.cool("ds", 30.0, 100.0)

    found = explained(health=health, now_s=110.0)

    assert ["prefixed", "ds"] == [each.channel for each in found.candidates]
    assert found.candidates[1].deferred
    assert ("last", 0.0, "cooling for 20.0 s") in found.candidates[1].scores


def test_refusals_are_those_of_a_request():
    limited = DEEPSEEK.model_copy(update={"models": ("other",)})

    assert "does not offer the model" in report(CONFIG, KEY, limited, "claude-haiku-4-5").refusal
    assert "No channel serves the model 'x'." == explained("x").refusal
    off = KEY.model_copy(update={"status": "disabled"})
    assert "The API key 'me' is disabled." == report(CONFIG, off, None, "deepseek-chat").refusal


def test_words_count_those_that_do_not_serve_it_unless_all_are_wanted():
    few, every = "\n".join(in_words(explained())), "\n".join(in_words(explained(), every_channel=True))

    assert "1 other channel does not serve it (--all names them)." in few
    assert "none (openai): does not serve 'deepseek-chat'" in every
    assert "profile deepseek: claude-haiku-4-5 → deepseek-chat (mapping 2: claude-.*)" in few
    assert "1. ds (deepseek): priority 0" in few


def test_json_holds_every_channel_but_the_archived():
    found = as_json(explained())

    assert {"ds", "prefixed", "off", "none", "foreign", "dead"} == {
        each["channel"]  # type: ignore[call-overload, index]
        for each in [*found["candidates"], *found["out"]]  # type: ignore[misc]
    }


@pytest.mark.parametrize(("stream", "fits"), [(True, []), (False, ["whole"])])
def test_kind_of_request_counts(stream: bool, fits: list[str]):
    only_whole = Channel.model_validate(
        {"name": "whole", "type": "openai", "supported_models": ("m",), "policies": {"stream": "forbid"}}
    )

    found = report(Config(channels=(only_whole,)), None, None, "m", stream=stream)

    assert fits == [each.channel for each in found.candidates]
