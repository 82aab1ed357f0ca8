"""The model's name changes; every other byte stays."""

import json

import pytest

from axonhub.transformers.splice import added_member, replace_string, spliced


def test_only_the_value_changes():
    body = b'{ "a" : 1.0, "model" : "x",\n "b": [ {"model": "x"} ], "c": "\\u003c" }'

    assert (
        replace_string(body, "model", "y") == b'{ "a" : 1.0, "model" : "y",\n "b": [ {"model": "x"} ], "c": "\\u003c" }'
    )


def test_an_equal_value_leaves_the_body_as_it_is():
    body = b'{"model":"\\u0078"}'

    assert body is replace_string(body, "model", "x")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"x","model":"z"}', b'{"model":"y","model":"y"}'),
        (b'{"model":"x","mod\\u0065l":"z"}', b'{"model":"y","mod\\u0065l":"y"}'),
        (b'{"mod\\u0065l":"x"}', b'{"mod\\u0065l":"y"}'),
        (b'{"tool":{"model":"x"},"s":"\\"model\\":\\"x\\"","model":"x"}',
         b'{"tool":{"model":"x"},"s":"\\"model\\":\\"x\\"","model":"y"}'),
        (b'{"model":"x","tools":[{"model":"x"}]}', b'{"model":"y","tools":[{"model":"x"}]}'),
        (b'{"a":1,"a":2,"model":"x"}', b'{"a":1,"a":2,"model":"y"}'),
        (b'{"x":"model","model":"x"}', b'{"x":"model","model":"y"}'),
        (b'{"model":null,"x":"model"}', b'{"model":null,"x":"model"}'),
        (b'{"model":["x"],"y":{"z":"model"}}', b'{"model":["x"],"y":{"z":"model"}}'),
    ],
)  # fmt: skip
def test_top_level_strings_of_that_name_are_replaced(body: bytes, expected: bytes):
    assert expected == replace_string(body, "model", "y")


def test_five_megabytes_may_stand_before_the_model():
    before = json.dumps({"messages": [{"content": 'say "model": "x"\n' * 200}] * 1500})[:-1]

    assert (before + ',"model":"y"}').encode() == replace_string((before + ',"model":"x"}').encode(), "model", "y")


def test_names_are_escaped_as_json():
    assert replace_string(b'{"model":"x"}', "model", 'a"b') == b'{"model":"a\\"b"}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1}', b'{"a":1,"m":{"x":true}}'),
        (b' { "a" : {} }\n', b' { "a" : {} ,"m":{"x":true}}\n'),
        (b"{ }", b'{ "m":{"x":true}}'),
        (b'{"a":"}"}', b'{"a":"}","m":{"x":true}}'),
    ],
)
def test_a_member_is_added_behind_the_others(body, expected):
    added = added_member(body, "m", {"x": True})

    assert expected == added
    assert json.loads(added) == {**json.loads(body), "m": {"x": True}}


@pytest.mark.parametrize(
    ("changed", "dropped", "expected"),
    [
        ({}, (), b'{ "a" : 1.0, "b" : [ 2 ],\n "c":"x" }'),
        ({"b": {"x": 1}}, (), b'{ "a" : 1.0, "b" : {"x":1},\n "c":"x" }'),
        ({"d": None}, (), b'{ "a" : 1.0, "b" : [ 2 ],\n "c":"x" ,"d":null}'),
        ({}, ("a",), b'{ "b" : [ 2 ],\n "c":"x" }'),
        ({}, ("b",), b'{ "a" : 1.0,\n "c":"x" }'),
        ({}, ("c",), b'{ "a" : 1.0, "b" : [ 2 ] }'),
        ({}, ("a", "c"), b'{ "b" : [ 2 ] }'),
        ({}, ("a", "b", "c"), b"{  }"),
        ({"e": 1}, ("a", "b", "c"), b'{  "e":1}'),
        ({"c": "y"}, ("a", "nothing"), b'{ "b" : [ 2 ],\n "c":"y" }'),
    ],
)
def test_top_level_members_are_changed_added_and_dropped(changed: dict, dropped: tuple[str, ...], expected: bytes):
    assert expected == spliced(b'{ "a" : 1.0, "b" : [ 2 ],\n "c":"x" }', changed, dropped)


def test_members_that_stand_twice_go_twice():
    assert b'{"a":3,"a":3}' == spliced(b'{"a":1,"a":2}', {"a": 3})
    assert b'{"b":0}' == spliced(b'{"a":1,"b":0,"\\u0061":2}', {}, {"a"})
    assert b'{"a":1}' == spliced(b"{}", {"a": 1})
