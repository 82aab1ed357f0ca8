"""Each operation on bodies and headers does what its name says, and nothing when its condition is false."""

import json
from collections.abc import Mapping, Sequence

import pytest

from axonhub.addons.config import BodyOperation, Channel, ChannelSettings, HeaderOperation
from axonhub.addons.overriding.conditions import Asked
from axonhub.addons.overriding.sending import Outgoing, overridden
from axonhub.addons.overriding.templates import Facts, Headers

FACTS = Facts(
    request_model="claude-sonnet-4-5",
    model="deepseek-chat",
    request_header=Headers({"X-Team": "blue", "Authorization": "Bearer secret"}),
    metadata={"user": "u1"},
    key="me",
    find_effort=lambda: "high",
)
ASKED = Asked(
    "POST", "http://localhost:8090/v1/messages", {"User-Agent": "claude-cli/2"}, b'{"model":"claude-haiku-4-5"}'
)


def channel(body: Sequence[Mapping] = (), headers: Sequence[Mapping] = ()) -> Channel:
    settings = ChannelSettings(
        body_override_operations=tuple(BodyOperation.model_validate(each) for each in body),
        header_override_operations=tuple(HeaderOperation.model_validate(each) for each in headers),
    )
    return Channel(name="c", type="openai", settings=settings)


def body_after(body: bytes, *operations: Mapping) -> bytes:
    return overridden(channel(operations), Outgoing(body, ()), FACTS, ASKED)[0].body


def outcomes(body: bytes, *operations: Mapping) -> list[str]:
    return [step.outcome for step in overridden(channel(operations), Outgoing(body, ()), FACTS, ASKED)[1]]


def headers_after(headers: Mapping[str, str], *operations: Mapping, **secret: str) -> tuple[dict, dict]:
    fields = tuple((name.encode(), value.encode()) for name, value in headers.items())
    sent, _ = overridden(channel(headers=operations), Outgoing(b"{}", fields, secret), FACTS, ASKED)
    return {name.decode(): value.decode() for name, value in sent.headers}, dict(sent.secret_headers)


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ({"op": "set", "path": "a", "value": 1}, {}, {"a": 1}),
        ({"op": "set", "path": "a.b", "value": [1]}, {"a": {"c": 2}}, {"a": {"c": 2, "b": [1]}}),
        ({"op": "set", "path": "a", "value": None}, {"a": 1}, {"a": None}),
        ({"op": "set", "path": "m.-1.content", "value": "x"}, {"m": [{}, {}]}, {"m": [{}, {"content": "x"}]}),
        ({"op": "set_if_absent", "path": "a", "value": 1}, {"a": None}, {"a": None}),
        ({"op": "set_if_absent", "path": "a", "value": 1}, {}, {"a": 1}),
        ({"op": "delete", "path": "a.b"}, {"a": {"b": 1}}, {"a": {}}),
        ({"op": "rename", "from": "a", "to": "b.c"}, {"a": 1}, {"b": {"c": 1}}),
        ({"op": "copy", "from": "a", "to": "b"}, {"a": [1]}, {"a": [1], "b": [1]}),
        ({"op": "array_append", "path": "a", "value": 2}, {"a": [1]}, {"a": [1, 2]}),
        ({"op": "array_append", "path": "a", "value": [2, 3]}, {"a": [1]}, {"a": [1, 2, 3]}),
        ({"op": "array_append", "path": "a", "value": [2, 3], "splat": False}, {"a": [1]}, {"a": [1, [2, 3]]}),
        ({"op": "array_append", "path": "a.b", "value": 1}, {}, {"a": {"b": [1]}}),
        ({"op": "array_prepend", "path": "a", "value": [8, 9]}, {"a": [1]}, {"a": [8, 9, 1]}),
        ({"op": "array_insert", "path": "a", "value": 0, "index": 1}, {"a": [1, 2]}, {"a": [1, 0, 2]}),
        ({"op": "array_insert", "path": "a", "value": 0, "index": -1}, {"a": [1, 2]}, {"a": [1, 0, 2]}),
        ({"op": "array_insert", "path": "a", "value": 0, "index": 99}, {"a": [1, 2]}, {"a": [1, 2, 0]}),
        ({"op": "array_insert", "path": "a", "value": 0, "index": -99}, {"a": [1, 2]}, {"a": [0, 1, 2]}),
        ({"op": "array_remove", "path": "a", "index": -1}, {"a": [1, 2]}, {"a": [1]}),
        (
            {"op": "array_remove", "path": "tools", "match": {"path": "function.name", "eq": "bash"}},
            {"tools": [{"function": {"name": "bash"}}, {"function": {"name": "read"}}, {"function": {"name": "bash"}}]},
            {"tools": [{"function": {"name": "read"}}]},
        ),
        (
            {"op": "array_remove", "path": "a", "match": {"path": "n", "eq": 1}, "index": -1},
            {"a": [{"n": 1}, {"n": 2}, {"n": 1}]},
            {"a": [{"n": 1}, {"n": 2}]},
        ),
    ],
)
def test_operation_changes_the_body(operation: Mapping, before: Mapping, after: Mapping):
    assert after == json.loads(body_after(json.dumps(before).encode(), operation))
    assert ["no effect" if before == after else "applied"] == outcomes(json.dumps(before).encode(), operation)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "delete", "path": "nothing.here"},
        {"op": "rename", "from": "nothing", "to": "b"},
        {"op": "copy", "from": "nothing", "to": "b"},
        {"op": "set", "path": "a", "value": 1},
        {"op": "set", "path": "z", "value": 1, "condition": "false"},
        {"op": "set", "path": "z", "value": 1, "condition": "{{ model == 'other' }}"},
        {"op": "array_remove", "path": "list", "index": 7},
        {"op": "array_remove", "path": "list", "match": {"path": "n", "eq": True}},
        {"op": "array_append", "path": "list", "value": []},
        {"op": "array_append", "path": "a", "value": 1},
        {"op": "set", "path": "a.b", "value": 1},
    ],
)
def test_body_that_no_operation_changes_is_the_very_object(operation: Mapping):
    body = b'{ "a" : 1,  "list":[ {"n": 1} ] }'

    assert body is body_after(body, operation)


def test_only_the_changed_members_are_written_anew():
    body = b'{ "model" : "m",  "messages":[ {"content": "\\u00e9",  "n": 1.0} ], "temperature": 2, "top_p":1 }'
    operations = ({"op": "set", "path": "temperature", "value": 0}, {"op": "delete", "path": "top_p"})

    expected = b'{ "model" : "m",  "messages":[ {"content": "\\u00e9",  "n": 1.0} ], "temperature": 0 }'
    assert expected == body_after(body, *operations)


def test_operations_come_one_after_the_other():
    operations = (
        {"op": "copy", "from": "a", "to": "b"},
        {"op": "set", "path": "a", "value": 2},
        {"op": "array_append", "path": "c", "value": "{{ model }}"},
    )

    assert {"a": 2, "b": 1, "c": ["deepseek-chat"]} == json.loads(body_after(b'{"a": 1}', *operations))


def test_operation_that_finds_no_list_is_left_out_and_told():
    steps = overridden(
        channel([{"op": "array_append", "path": "a", "value": 1}]), Outgoing(b'{"a": "secret"}', ()), FACTS, ASKED
    )[1]

    assert [("failed", "'a' is no list")] == [(step.outcome, step.detail) for step in steps]


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("{{ model }}", "deepseek-chat"),
        ("{{ Model }}/{{ RequestModel }}", "deepseek-chat/claude-sonnet-4-5"),
        ("{{ reasoning_effort }}", "high"),
        ("{{ metadata.user }}", "u1"),
        ("{{ metadata.nothing.deep }}", ""),
        ("{{ request_header['x-team'] }}", "blue"),
        ("{{ request_header.x_team }}", "blue"),
        ("{{ RequestHeader.get('X-Team') }}", "blue"),
        ("{{ request_header.authorization }}", ""),
        ("{{ 2 * 3 }}", 6),
        ("{{ metadata }}", {"user": "u1"}),
        ("{{ stream }}", False),
        ("{{ ''.__class__.__mro__ }}", ""),
        ("true", True),
        ('"true"', "true"),
        ('{"type": "{{ key }}"}', {"type": "me"}),
        ({"type": "{{ key }}", "n": [1, "{{ 1 + 1 }}"]}, {"type": "me", "n": [1, 2]}),
        ("not {json", "not {json"),
        ("{{ .Model }}", "{{ .Model }}"),
    ],
)
def test_value_is_a_template_and_json_where_it_renders_to_json(value: object, rendered: object):
    assert {"v": rendered} == json.loads(body_after(b"{}", {"op": "set", "path": "v", "value": value}))


@pytest.mark.parametrize(
    "template",
    [
        "{{ metadata.update({'a': 1}) }}",
        "{{ 'x' * 999999999 }}",
        "{{ 9 ** 999999999 }}",
        "{{ model.format_map }}{{ model.nothing() }}",
        "{{ 1 / 0 }}",
    ],
)
def test_template_reaches_nothing_else_and_breaks_nothing(template: str):
    operation = {"op": "set", "path": "v", "value": template}

    assert b"{}" == body_after(b"{}", operation)
    assert ["failed"] == outcomes(b"{}", operation)
    assert {"user": "u1"} == FACTS.metadata


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("true", True),
        ("True", False),
        ("yes", False),
        ("{{ model == 'deepseek-chat' }}", True),
        ("{{ model == 'deepseek-reasoner' }}", False),
        ("{{ 'true' if model == 'deepseek-chat' }}", True),
        ("{% if key == 'me' %}true{% endif %}", True),
        (" {{ (request_header.x_team == 'blue') | tojson }} ", True),
        ("~hq User-Agent:.*claude-cli", True),
        ("~hq User-Agent:.*codex", False),
        ("~bq haiku & ~u /v1/messages", True),
        ("!(~bq haiku) | ~u /nowhere", False),
        ("~m POST", True),
    ],
)
def test_operation_runs_only_when_its_condition_holds(condition: str, holds: bool):
    operation = {"op": "set", "path": "v", "value": 1, "condition": condition}

    assert ({"v": 1} if holds else {}) == json.loads(body_after(b"{}", operation))
    assert ["applied" if holds else "condition is false"] == outcomes(b"{}", operation)


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ({"op": "set", "path": "X-A", "value": "{{ key }}"}, {}, {"x-a": "me"}),
        ({"op": "set", "path": "x-a", "value": "2"}, {"X-A": "1", "b": "c"}, {"x-a": "2", "b": "c"}),
        ({"op": "delete", "path": "X-A"}, {"x-a": "1", "b": "c"}, {"b": "c"}),
        ({"op": "rename", "from": "a", "to": "B"}, {"a": "1"}, {"b": "1"}),
        ({"op": "copy", "from": "a", "to": "b"}, {"a": "1"}, {"a": "1", "b": "1"}),
        ({"op": "copy", "from": "nothing", "to": "b"}, {"a": "1"}, {"a": "1"}),
    ],
)
def test_operation_changes_the_headers(operation: Mapping, before: Mapping, after: Mapping):
    assert (after, {}) == headers_after(before, operation)


def test_what_a_caller_says_does_not_become_a_header_of_its_own():
    facts = Facts(metadata={"user": "a\r\nx-admin: yes"})
    setting = {"op": "set", "path": "x-user", "value": "{{ metadata.user }}"}
    sent, _ = overridden(channel(headers=[setting]), Outgoing(b"{}", ()), facts, ASKED)

    assert ((b"x-user", b"a  x-admin: yes"),) == sent.headers


def test_secrets_stay_out_of_the_flow():
    """What an operator sets as a credential is merged at send time, like the channel's own."""
    plain, secret = headers_after(
        {"a": "1"},
        {"op": "set", "path": "x-api-key", "value": "sk-of-the-operator"},
        {"op": "copy", "from": "authorization", "to": "x-upstream"},
        authorization="Bearer of-the-channel",
    )

    assert {"a": "1"} == plain
    assert {
        "authorization": "Bearer of-the-channel",
        "x-upstream": "Bearer of-the-channel",
        "x-api-key": "sk-of-the-operator",
    } == secret


def test_channels_credential_may_be_taken_out():
    assert ({}, {}) == headers_after({}, {"op": "delete", "path": "Authorization"}, authorization="Bearer x")


def test_older_form_sets_each_value():
    settings = ChannelSettings.model_validate(
        {"body_override_operations": {"temperature": 0.5, "a.b": "{{ model }}", "top_p": "__AXONHUB_CLEAR__"}}
    )
    sent, _ = overridden(
        Channel(name="c", type="openai", settings=settings), Outgoing(b'{"top_p": 1}', ()), FACTS, ASKED
    )

    assert {"temperature": 0.5, "a": {"b": "deepseek-chat"}} == json.loads(sent.body)
