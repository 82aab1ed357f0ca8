"""What only the whole file shows."""

from collections.abc import Callable
from hashlib import sha256

import pytest

from axonhub.addons.config import Loaded

Problems = Callable[..., list[str]]

CHANNELS = """
channels:
  - {name: one, type: openai, supported_models: [m-1, m-2], tags: [fast]}
  - {name: two, type: anthropic, supported_models: [m-3], model_mappings: [{from: "x-.*", to: m-3}, {from: y, to: m-9}]}
"""
"""Channel two's second mapping is dead; lines 3 and 4."""

DEAD = "4: warning: channels[1].model_mappings[1].to: dead mapping: 'm-9' is not in supported_models"


def with_profile(profile: str, key: str = "") -> str:
    """The profile is in line 5."""
    return f"{CHANNELS}api_keys: [{{name: me, key: k, {key} profiles: [{profile}]}}]\n"


def findings(found: list[str]) -> list[str]:
    """Without the one that CHANNELS has, and without line and common path."""
    assert found[0].startswith(DEAD)
    return [line.removeprefix("5: ").replace("api_keys[0].profiles[0].", "") for line in found[1:]]


def test_a_channels_mapping_to_a_model_that_it_does_not_serve_is_dead(problems: Problems) -> None:
    assert problems(CHANNELS) == [f'{DEAD}, did you mean "m-3"?']


@pytest.mark.parametrize("target", ["m-1", "m-3", "x-anything"])
def test_a_mapping_to_a_served_model_is_fine(target: str, problems: Problems) -> None:
    assert findings(problems(with_profile(f"{{name: p, model_mappings: [{{from: a, to: {target}}}]}}"))) == []


@pytest.mark.parametrize("target", ["m-9", "y", "nowhere"])
def test_a_mapping_to_a_model_that_no_channel_serves_is_dead(target: str, problems: Problems) -> None:
    assert findings(problems(with_profile(f"{{name: p, model_mappings: [{{from: a, to: {target}}}]}}"))) == [
        f"warning: model_mappings[0].to: dead mapping: no channel serves {target!r}"
    ]


@pytest.mark.parametrize("limit", ["channels: [two]", "channel_tags: [slow]"])
def test_a_profiles_limits_count(limit: str, problems: Problems) -> None:
    text = with_profile(f"{{name: p, {limit}, model_mappings: [{{from: a, to: m-1}}]}}")
    text = text.replace("{name: two,", "{name: two, tags: [slow],")

    assert findings(problems(text)) == [
        "warning: model_mappings[0].to: dead mapping: no channel of this profile serves 'm-1'"
    ]


def test_channels_and_tags_of_a_profile_are_alternatives(problems: Problems) -> None:
    text = with_profile("{name: p, channels: [two], channel_tags: [fast], models: [m-1, m-3]}")

    assert findings(problems(text)) == []


def test_limits_that_match_nothing_are_told(problems: Problems) -> None:
    text = with_profile("{name: p, channels: [too, one], channel_tags: [slow]}")

    assert findings(problems(text)) == [
        "warning: channel_tags[0]: no channel has the tag 'slow'",
        "warning: channels[0]: no channel is called 'too', did you mean \"two\"?",
    ]


def test_a_profile_without_any_channel_is_unreachable(problems: Problems) -> None:
    text = with_profile("{name: p, channel_tags: [nowhere], model_mappings: [{from: a, to: m-1}]}")

    assert [line for line in problems(text) if "unreachable" in line] == [
        "5: warning: api_keys[0].profiles[0]: unreachable: there is no channel that this profile may use"
    ]
    assert not any("dead mapping: no channel" in line for line in problems(text))


def test_a_model_of_a_profile_must_be_served_itself_or_after_its_mapping(problems: Problems) -> None:
    text = with_profile("{name: p, models: [m-1, asked, nowhere], model_mappings: [{from: asked, to: m-3}]}")

    assert findings(problems(text)) == ["warning: models[2]: no channel serves 'nowhere'"]


def test_an_archived_channel_serves_nothing_and_a_disabled_one_may_be_enabled(problems: Problems) -> None:
    text = """
        channels:
          - {name: old, type: openai, supported_models: [m-1], status: archived}
          - {name: idle, type: openai, supported_models: [m-2], status: disabled}
          - {name: waiting, type: openai, supported_models: [m-3], api_keys: ["${NOT_SET}"]}
        api_keys:
          - {name: me, key: k, profiles: [{name: p, models: [m-1, m-2, m-3]}]}
        """

    assert problems(text) == ["7: warning: api_keys[0].profiles[0].models[0]: no channel serves 'm-1'"]


@pytest.mark.parametrize("models", ['["*"]', "[]"])
def test_a_channel_for_any_model_makes_nothing_dead(models: str, problems: Problems) -> None:
    text = f"""
        channels:
          - {{name: any, type: demo, supported_models: {models}, model_mappings: [{{from: a, to: b}}]}}
        api_keys:
          - {{name: me, key: k, profiles: [{{name: p, model_mappings: [{{from: a, to: whatever}}]}}]}}
        """

    assert problems(text) == []


@pytest.mark.parametrize("asked", ["acme/m-1", "vendor/m-2", "m-2", "M-1"])
def test_prefixes_and_lower_case_names_are_served(asked: str, problems: Problems) -> None:
    text = f"""
        channels:
          - name: one
            type: openai
            supported_models: [m-1, vendor/m-2, M-1]
            extra_model_prefix: acme/
            auto_trim_model_prefixes: [vendor]
            settings: {{lowercase_model_id: true}}
        api_keys:
          - {{name: me, key: k, profiles: [{{name: p, models: ["{asked}"]}}]}}
        """

    assert problems(text) == []


@pytest.mark.parametrize(
    ("earlier", "later", "hidden"),
    [
        ("a", "a", True),
        ("claude-.*", "claude-.*", True),
        ("claude-.*", "claude-sonnet-4-5", True),
        ("claude-.*", "claude-sonnet-4.5", True),
        ("claude-sonnet-4-5", "claude-.*", False),
        ("claude-haiku-.*", "claude-sonnet-4-5", False),
        ("claude-.{2}", "claude-.*", False),
    ],
)
def test_a_mapping_behind_one_that_matches_first_is_told(
    earlier: str, later: str, hidden: bool, problems: Problems
) -> None:
    mappings = f'{{name: p, model_mappings: [{{from: "{earlier}", to: m-1}}, {{from: "{later}", to: m-1}}]}}'

    found = findings(problems(with_profile(mappings)))

    assert len(found) == hidden
    assert all(line.startswith("warning: model_mappings[1].from: never used") for line in found)


@pytest.mark.parametrize("active", ["", "active_profile: p,", "active_profile: P,"])
def test_an_active_profile_that_exists_or_none_is_fine(active: str, problems: Problems) -> None:
    assert findings(problems(with_profile("{name: p}", active))) == []


def test_an_active_profile_that_does_not_exist_is_an_error(problems: Problems) -> None:
    found = findings(problems(with_profile("{name: deepseek}", "active_profile: depseek,")))

    assert found == ["error: api_keys[0].active_profile: no profile 'depseek' in this key, did you mean \"deepseek\"?"]


def test_names_are_used_once(problems: Problems) -> None:
    text = """
        channels:
          - {name: a, type: demo}
          - {name: A, type: demo}
          - {name: a, type: demo}
        api_keys:
          - {name: k, key: one, profiles: [{name: p}, {name: P}]}
          - {name: k, key: two, profiles: [{name: p}]}
        """

    assert problems(text) == [
        "5: error: channels[2].name: the name 'a' is taken (line 3)",
        "7: error: api_keys[0].profiles[1].name: the name 'P' is taken, whatever the case (line 7)",
        "8: error: api_keys[1].name: the name 'k' is taken (line 7)",
    ]


def test_one_key_in_two_entries_is_an_error_also_when_one_is_a_digest(problems: Problems) -> None:
    digest = sha256(b"secret-one").hexdigest().upper()
    text = f"api_keys:\n  - {{name: a, key: secret-one}}\n  - {{name: b, key_sha256: {digest}}}\n"

    assert problems(text) == [
        "3: error: api_keys[1].key_sha256: another entry has this very key: nobody could tell them apart (line 2)"
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_the_default_key_is_fine_on_loopback(host: str, problems: Problems) -> None:
    assert problems(f'server: {{host: "{host}"}}\napi_keys: [{{name: me, key: ah-local-dev}}]\n') == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "", "::"])
def test_the_default_key_is_refused_elsewhere(host: str, problems: Problems) -> None:
    digest = sha256(b"ah-local-dev").hexdigest()
    words = f"the default key is for this machine only, but server.host is {host!r}: set AXONHUB_API_KEY"

    for attribute, key in (
        ("key", "ah-local-dev"),
        ("key_sha256", digest),
        ("key", "${AXONHUB_API_KEY:-ah-local-dev}"),
    ):
        text = f'server: {{host: "{host}"}}\napi_keys: [{{name: me, {attribute}: "{key}"}}]\n'
        assert problems(text) == [f"2: error: api_keys[0].{attribute}: {words}"]


def test_a_key_of_ones_own_is_fine_everywhere(load: Callable[..., Loaded]) -> None:
    text = "server: {host: 0.0.0.0}\napi_keys: [{name: me, key: '${AXONHUB_API_KEY:-ah-local-dev}'}]\n"

    assert load(text, {"AXONHUB_API_KEY": "own-key"}).problems == ()


def test_types_and_strategies_must_be_known(problems: Problems) -> None:
    text = """
        channels: [{name: a, type: antropic}]
        load_balance: {strategy: best}
        api_keys: [{name: me, key: k, profiles: [{name: p, load_balance: worst}]}]
        """

    assert problems(text) == [
        "2: error: channels[0].type: unknown channel type 'antropic', did you mean \"anthropic\"?",
        "3: error: load_balance.strategy: unknown strategy 'best': must be one of adaptive, failover",
        "4: error: api_keys[0].profiles[0].load_balance: unknown strategy 'worst': must be one of adaptive, failover",
    ]
