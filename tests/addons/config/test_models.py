import pytest
from pydantic import ValidationError

from axonhub.addons.config import ApiKey, Channel, Config, Mapping, Period, Profile, Retry
from axonhub.addons.config.callers import Quota
from axonhub.addons.config.keys import all_keys, join_keys


@pytest.mark.parametrize(
    ("rule", "asked", "wanted"),
    [
        ("claude-sonnet-4-5", "claude-sonnet-4-5", "new"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", None),
        ("claude-haiku-.*", "claude-haiku-4-5", "new"),
        ("claude-haiku-.*", "my-claude-haiku-4-5", None),
        ("claude-haiku", "claude-haiku-4-5", None),
        ("a|b", "a", "new"),
        ("a|b", "ab", None),
        ("claude-sonnet-4.5", "claude-sonnet-4.5", "new"),
        ("claude-sonnet-4.5", "claude-sonnet-4-5", "new"),
        ("^gpt-.*$", "gpt-5", "new"),
        ("gpt-.*", "gpt-5\n", None),
        ("model[1]", "model[1]", "new"),
        ("model[1]", "model1", "new"),
    ],
)
def test_a_mapping_matches_the_whole_name_as_text_or_regex(rule: str, asked: str, wanted: str | None) -> None:
    assert Mapping(from_=rule, to="new").match(asked) == wanted


def test_a_regex_is_not_tried_on_endless_names() -> None:
    assert Mapping(from_="a.*", to="new").match("a" * 256) == "new"
    assert Mapping(from_="a.*", to="new").match("a" * 257) is None
    assert Mapping(from_="a" * 300, to="new").match("a" * 300) == "new"


def test_models_are_frozen_and_comparable() -> None:
    profile = Profile(name="p", model_mappings=[{"from": "a.*", "to": "b"}])

    assert profile == Profile(name="p", model_mappings=(Mapping(from_="a.*", to="b"),))
    with pytest.raises(ValidationError, match="frozen"):
        profile.name = "q"


def test_secrets_do_not_show_in_representations() -> None:
    config = Config(
        api_keys=[ApiKey(name="k", key="secret-key"), ApiKey(name="h", key_sha256="ab" * 32)],
        channels=[Channel(name="c", type="openai", api_keys=["secret-credential"])],
    )

    shown = repr(config) + str(config) + config.model_dump_json()
    assert "secret" not in shown
    assert "ab" * 32 not in repr(config)


def test_an_error_does_not_show_what_was_given() -> None:
    with pytest.raises(ValidationError) as error:
        ApiKey(name="k", key="two secrets", status="on")

    assert "two secrets" not in str(error.value)


@pytest.mark.parametrize("keys", [{}, {"key": "a", "key_sha256": "ab" * 32}])
def test_a_key_has_its_text_or_its_digest(keys: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="key_sha256"):
        ApiKey(name="k", **keys)


def test_units_are_named_in_python_and_not_in_the_file() -> None:
    assert Retry.model_validate({"delay": "500ms"}).delay_s == 0.5
    assert Retry(delay_s="2s").model_dump(by_alias=True)["delay"] == 2.0
    assert Config().server.max_request_body_bytes == 64_000_000


@pytest.mark.parametrize(
    ("written", "period"),
    [
        ("all_time", Period()),
        ({"calendar": "day"}, Period(calendar="day")),
        ({"past": "5h"}, Period(past_s=18000.0)),
    ],
)
def test_periods_of_a_quota(written: object, period: Period) -> None:
    assert Quota.model_validate({"requests": 1, "period": written}).period == period


@pytest.mark.parametrize("written", ["ever", {"calendar": "week"}, {"calendar": "day", "past": "1h"}, 5])
def test_other_periods_are_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        Quota.model_validate({"period": written})


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        ({"op": "set", "path": "a"}, "set needs value"),
        ({"op": "rename", "path": "a"}, "rename needs from and to"),
        ({"op": "array_insert", "path": "a", "value": 1}, "array_insert needs index"),
        ({"op": "array_remove", "path": "a"}, "needs index or match"),
        ({"op": "set", "path": "stream", "value": True}, "stream cannot be overridden"),
        ({"op": "copy", "from": "a", "to": "stream"}, "stream cannot be overridden"),
    ],
)
def test_a_body_operation_needs_its_operands(operation: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Channel(name="c", type="openai", settings={"body_override_operations": [operation]})


def test_body_operations_keep_values_of_any_shape() -> None:
    value = {"list": [1, None, "x"], "flag": False}

    channel = Channel(
        name="c",
        type="openai",
        settings={
            "body_override_operations": [
                {"op": "set", "path": "a", "value": value},
                {"op": "set", "path": "b", "value": None},
                {"op": "array_remove", "path": "tools", "match": {"path": "name", "eq": "bash"}},
            ]
        },
    )

    operations = channel.settings.body_override_operations
    assert operations[0].value == value
    assert operations[1].value is None
    assert operations[2].match is not None
    assert operations[2].match.eq == "bash"


def test_an_error_pattern_may_be_written_as_plain_text() -> None:
    channel = Channel(
        name="c", type="openai", settings={"retryable_error_patterns": ["busy", {"pattern": "a|b", "regex": True}]}
    )

    assert [(each.pattern, each.regex) for each in channel.settings.retryable_error_patterns] == [
        ("busy", False),
        ("a|b", True),
    ]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"base_url_for_tests": "https://api.example.com"}, "loopback"),
        ({"retryable_status": [399]}, "greater than or equal to 400"),
        ({"proxy": {"type": "url"}}, "url is needed"),
        ({"proxy": {"url": "http://proxy.example"}}, "url is needed"),
        ({"dialect": {"flag": [1, "a"]}}, "true, false, a whole number or text"),
        ({"retryable_error_patterns": [{"pattern": "(", "regex": True}]}, "bad regex"),
        ({"rate_limit": {"rpm": 0}}, "greater than 0"),
    ],
)
def test_bad_channel_settings_are_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Channel(name="c", type="openai", settings=settings)


def test_flags_of_a_dialect_keep_their_kind() -> None:
    channel = Channel(name="c", type="openai", settings={"dialect": {"a": True, "b": 1, "c": "x"}})

    assert [type(value) for value in channel.settings.dialect.values()] == [bool, int, str]


def test_every_key_is_explained() -> None:
    silent = [
        join_keys(key.path)
        for key in all_keys()
        if not (key.field.description or (key.section and key.section.__doc__))
    ]

    assert silent == []


def test_no_two_settings_share_an_environment_variable() -> None:
    variables = [key.variable for key in all_keys() if key.variable]

    assert len(variables) == len(set(variables))
