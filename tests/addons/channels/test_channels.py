"""Channel types as data: addresses, credentials, served models."""

import pytest
from pydantic import SecretStr

from axonhub.addons.channels.addresses import upstream_url
from axonhub.addons.channels.checking import findings
from axonhub.addons.channels.credentials import auth_headers, rotated, tail
from axonhub.addons.channels.dialects import dialect_of
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import listed_models, upstream_model
from axonhub.addons.config import Channel, ChannelSettings, Config, Mapping
from axonhub.transformers.protocol import Endpoint
from axonhub.transformers.registry import discovered

MESSAGES = Endpoint("v1", "messages")
OPENAI = channel_types()["openai"]


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/", "https://api.anthropic.com/v1/messages"),
        ("https://x.test/v1", "https://x.test/v1/messages"),
        ("https://x.test/v1beta/", "https://x.test/v1beta/messages"),
        ("https://x.test/api/paas/v4", "https://x.test/api/paas/v4/messages"),
        ("https://x.test/api#", "https://x.test/api/messages"),
        ("https://x.test/whole/path##", "https://x.test/whole/path"),
    ],
)
def test_version_is_appended_by_the_operators_rule(base_url: str, expected: str):
    assert expected == upstream_url(base_url, MESSAGES)


def test_query_of_the_endpoint_is_kept():
    assert "https://x.test/v1/m:s?alt=sse" == upstream_url("https://x.test", Endpoint("v1", "m:s", "alt=sse"))


@pytest.mark.parametrize("style", ["bearer", "x-api-key", "x-goog-api-key", "api-key"])
def test_one_header_bears_the_credential(style: str):
    headers = auth_headers(style, SecretStr("secret"))

    assert 1 == len(headers)
    assert "secret" in next(iter(headers.values()))


def test_no_credential_no_header():
    assert {} == auth_headers("bearer", None)
    assert {} == auth_headers("none", SecretStr("secret"))


def test_a_trace_keeps_its_credential_and_traces_spread():
    pool = [SecretStr(f"credential-{number}") for number in range(3)]

    assert rotated(pool, "t1") == rotated(pool, "t1")
    assert sorted(map(repr, rotated(pool, "t1"))) == sorted(map(repr, pool))
    assert 3 == len({rotated(pool, f"t{number}")[0].get_secret_value() for number in range(50)})
    assert () == rotated([], "t1")


def test_tail_tells_long_credentials_apart_and_short_ones_not_at_all():
    assert "wxyz" == tail(SecretStr("sk-0123456789wxyz"))
    assert "" == tail(SecretStr("short"))
    assert "" == tail(None)


def channel(**given: object) -> Channel:
    return Channel(name="c", type="openai", **{"supported_models": ("m", "Big"), **given})


@pytest.mark.parametrize(
    ("given", "asked", "known_as"),
    [
        ({}, "m", "m"),
        ({}, "other", None),
        ({"supported_models": ("*",)}, "anything", "anything"),
        ({"extra_model_prefix": "corp/"}, "corp/m", "m"),
        ({"supported_models": ("vendor/m",), "auto_trim_model_prefixes": ("vendor",)}, "m", "vendor/m"),
        ({"model_mappings": (Mapping(from_="alias", to="m"),)}, "alias", "m"),
        ({"model_mappings": (Mapping(from_="alias", to="unserved"),)}, "alias", None),
        ({"supported_models": ("*",), "model_mappings": (Mapping(from_="a", to="b"),)}, "a", "b"),
        ({"settings": ChannelSettings(lowercase_model_id=True)}, "big", "Big"),
        ({"extra_model_prefix": "corp"}, "corp/m", "m"),
        ({"model_mappings": (Mapping(from_="a.*", to="gone"), Mapping(from_="alias", to="m"))}, "alias", "m"),
        ({"model_mappings": (Mapping(from_="gpt-4.1", to="m"),)}, "gpt-4.1", "m"),
        ({"model_mappings": (Mapping(from_="m", to="Big"),)}, "m", "m"),
        ({"extra_model_prefix": "corp/", "model_mappings": (Mapping(from_="alias", to="m"),)}, "corp/alias", "m"),
        (
            {
                "supported_models": ("V/x", "y"),
                "auto_trim_model_prefixes": ("V",),
                "model_mappings": (Mapping(from_="X", to="y"),),
                "settings": ChannelSettings(lowercase_model_id=True),
            },
            "x",
            "V/x",
        ),
    ],
)
def test_names_lead_to_the_upstreams_own(given: dict, asked: str, known_as: str | None):
    assert known_as == upstream_model(channel(**given), OPENAI, asked)


def test_lists_hold_what_can_be_asked_for():
    listed = listed_models(
        channel(model_mappings=(Mapping(from_="alias", to="m"), Mapping(from_="re.*", to="m"))), OPENAI
    )

    assert ["m", "Big", "alias"] == listed


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["m", "Big", "p/m", "p/Big", "alias", "p/alias"]),
        ({"hide_original_models": True}, ["alias", "p/alias"]),
        ({"hide_mapped_models": True}, ["m", "Big", "p/m", "p/Big"]),
        ({"lowercase_model_id": True}, ["m", "big", "p/m", "p/big", "alias", "p/alias"]),
    ],
)
def test_operator_chooses_which_names_are_listed(settings: dict, expected: list[str]):
    rules = (Mapping(from_="alias", to="m"), Mapping(from_="dead", to="gone"))
    asked = channel(extra_model_prefix="p/", model_mappings=rules, settings=ChannelSettings(**settings))

    assert expected == listed_models(asked, OPENAI)
    assert "m" == upstream_model(asked, OPENAI, "m")


def test_every_type_speaks_a_protocol_that_is_built_in():
    for kind in channel_types().values():
        assert set(kind.protocols) <= set(discovered()), kind.name
        assert not kind.base_url or kind.base_url.startswith(("https://", "http://127.0.0.1")), kind.name


@pytest.mark.parametrize("kind", ["anthropic_aws", "anthropic_gcp", "gemini_vertex"])
def test_a_cloud_without_its_account_is_found(kind: str):
    (finding,) = findings(Config(channels=(Channel(name="c", type=kind),)))

    assert ("channels", 0, "settings") == finding.place
    assert finding.message.startswith(f"type {kind} needs settings.")


def test_impossible_credentials_and_unknown_flags_are_found():
    wrong = Channel(name="c", type="claude-code", api_keys=(SecretStr("sk-proj-1"),))
    flag = Channel(name="f", type="openai", settings=ChannelSettings(dialect={"no_such_flag": True}))

    found = list(findings(Config(channels=(wrong, flag))))

    assert ["channels", "channels"] == [finding.place[0] for finding in found]
    assert "sk-ant" in found[0].message
    assert "sk-proj-1" not in found[0].message
    assert "no_such_flag" == found[1].place[-1]


@pytest.mark.parametrize(
    "flags",
    [{"vocabulary": "klingon"}, {"token_percent": "much"}, {"files": 1}, {"reasoning_replay": "sometimes"}],
)
def test_values_that_a_flag_does_not_take_are_found(flags):
    right = Channel(name="r", type="openai", settings=ChannelSettings(dialect={"vocabulary": "qwen3", "files": True}))
    wrong = Channel(name="w", type="openai", settings=ChannelSettings(dialect=flags))

    (finding,) = findings(Config(channels=(right, wrong)))

    assert ("channels", 1, "settings", "dialect", *flags) == finding.place


def test_flags_of_a_model_count_more_than_those_of_the_channel_and_of_the_type():
    settings = ChannelSettings.model_validate(
        {
            "dialect": {"efforts": ["low", "high"], "files": True},
            "model_dialects": [
                {"models": "claude-.*", "dialect": {"adaptive_thinking": False, "efforts": ["max"]}},
                {"models": "claude-opus-4-6", "dialect": {"adaptive_thinking": True}},
            ],
        }
    )
    channel = Channel(name="c", type="anthropic", settings=settings)

    told = {
        model: dialect_of(channel, channel_types()["anthropic"], model)
        for model in ("claude-opus-4-6", "claude-opus-4-7", "claude-sonnet-4-5", "other")
    }
    assert {model: each.adaptive_thinking for model, each in told.items()} == {
        "claude-opus-4-6": True,
        "claude-opus-4-7": False,
        "claude-sonnet-4-5": False,
        "other": True,
    }
    assert [each.efforts for each in told.values()] == [("max",), ("max",), ("max",), ("low", "high")]
    assert all(each.files for each in told.values())
    assert not told["claude-opus-4-7"].sampling


@pytest.mark.parametrize("flags", [{"no_such": True}, {"efforts": "low"}, {"efforts": ["ultra"]}, {"models": ["x"]}])
def test_impossible_flags_of_a_model_are_found(flags):
    rule = {"models": "m", "dialect": flags}
    wrong = Channel(name="w", type="openai", settings=ChannelSettings.model_validate({"model_dialects": [rule]}))

    (finding,) = findings(Config(channels=(wrong,)))

    assert ("channels", 0, "settings", "model_dialects", 0, "dialect", *flags) == finding.place
