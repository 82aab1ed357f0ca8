"""Whatever was parsed before, the document is the one that orjson reads in the body, or its error."""

import itertools

import orjson
import pytest
from hypothesis import given, strategies as st

from axonhub.transformers import repetition
from axonhub.transformers.reparse import Parsed, Reparsing, reparsed
from axonhub.transformers.repetition import compared

FILLER = b"x" * repetition.SMALLEST_BYTES
"""Makes a body long enough to be remembered. Bodies hold it as a letter, so that edits hit what is around it."""
LETTER = "ÿ"
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Read", "input": {"at": [1, 2.5]}}]}
TALK = {
    "model": "m",
    "messages": [{"role": "user", "content": "é ü 文"}, CALL, {"role": "user", "content": '}],"x":[{'}, "last"],
    "system": ["one", {"type": "text", "text": "two"}, 12, 345],
    "tools": [{"name": LETTER}, {"name": "b"}],
    "metadata": {"user_id": '{"session_id":"s"}'},
    "empty": [],
    "max_tokens": 64000,
    "stream": True,
}
TEXT = orjson.dumps(TALK)
BODY = TEXT.replace(LETTER.encode(), FILLER)

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5)
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)
keys = st.sampled_from(["model", "messages", "system", "tools", "a", ""]) | st.text(max_size=3)
members = st.dictionaries(keys, values | st.lists(values, min_size=2, max_size=6), max_size=6)
texts = st.builds(lambda some, more: orjson.dumps({**some, "f": LETTER, **more}), members, members) | st.just(TEXT)
SIGNS = rb', [ ] { } : \ 0 - . e9 ],"x":[ },{ ],[ "messages":[1], ],"messages":[2 [] \u00e9 \ud800 NaN true 1e999'
fragments = st.binary(max_size=3) | st.sampled_from(
    [*SIGNS.split(), b'"', b" ", b"\n", b"\x00", b"\xc3", b"\xa9", b"9" * 20, b"[" * 300, b"]" * 300, LETTER.encode()]
)


@st.composite
def reworded(draw: st.DrawFn, body: bytes) -> bytes:
    """Another value in one place, or one more or one fewer."""
    document = orjson.loads(body)
    key = draw(st.sampled_from([*document, "new"]))
    value = document.get(key)
    if isinstance(value, list) and value:
        begin = draw(st.integers(0, len(value)))
        value[begin : begin + draw(st.integers(0, 1))] = draw(st.lists(values, max_size=2))
    else:
        document[key] = draw(values)
    return orjson.dumps(document)


@st.composite
def rewritten(draw: st.DrawFn, body: bytes) -> bytes:
    """Other bytes in one place, mostly beside those that have a meaning."""
    meaning = [at + beside for at, byte in enumerate(body) if byte in b'[]{},:"' for beside in (0, 1)]
    begin, copied = draw(st.sampled_from([0, *meaning]) | st.integers(0, len(body))), draw(st.integers(0, len(body)))
    new = draw(st.just(body[copied : copied + draw(st.integers(0, 30))]) | fragments)
    return body[:begin] + new + body[begin + draw(st.sampled_from([0, 0, 1, 2, 5, 30])) :]


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """Bodies that are mostly valid, with one difference or two from one to the next."""
    body = draw(texts)
    bodies = [body]
    for _ in range(draw(st.integers(1, 4))):
        body = draw(reworded(body))
        bodies.append(draw(st.just(body) | rewritten(body)))
    return [each.replace(LETTER.encode(), FILLER) for each in bodies]


def read(before: Parsed | None, body: bytes) -> tuple[Parsed | None, object]:
    """With what a later body may be compared, and what was read: the order of keys and the kinds of numbers count."""
    try:
        parsed = reparsed(before, body)
    except orjson.JSONDecodeError as error:
        return before, (error.args, error.pos)
    return parsed, repr(parsed.document)


def expected(body: bytes) -> object:
    try:
        return repr(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        return error.args, error.pos


@given(conversations())
def test_a_document_is_what_orjson_reads(bodies):
    before = None
    for body in bodies:
        before, found = read(before, body)

        assert found == expected(body)


def case(name: str, *changes: bytes) -> object:
    """Pairs of what stands there, once, and what stands there instead."""
    return pytest.param(list(itertools.batched(changes, 2)), id=name)


@pytest.mark.parametrize(
    "changes",
    [
        case("a number goes on", b"345]", b"3456]"),
        case("two numbers become one", b"12,345]", b"12345]"),
        case("a number is cut", b"345]", b"34]"),
        case("a number has no end", b"64000", b"64e999"),
        case("a digit for a comma", b'64000,"stream"', b'640001"stream"'),
        case("not a number", b"64000", b"NaN"),
        case("a number beyond 64 bits", b"64000", b"9" * 25),
        case("one more", b'"last"]', b'"last","x"]'),
        case("one fewer", b',"last"]', b"]"),
        case("none before a bracket", b',"last"]', b",]"),
        case("none before a bracket, and another change", b',"last"]', b",]", b"64000", b"1"),
        case("none behind a bracket", b'["one",', b"[,"),
        case("none behind a bracket, and another change", b'"m"', b'"n"', b'["one",', b"[,"),
        case("none between commas", b",12,", b",,"),
        case("no member between commas", b',"empty":[]', b","),
        case("a comma before the end", b"true}", b"true,}"),
        case("another member behind it", b'"last"]', b'"last"],"x":[1]'),
        case("a key that came before", b'"last"]', b'"last"],"model":"n"'),
        case("a key that comes later", b'"last"]', b'"last"],"stream":false'),
        case("the same key again", b'"last"]', b'"last"],"messages":[]'),
        case("the same key again, and it goes on", b'"last"]', b'"last"],"messages":[1]'),
        case("two arrays become one", b'"last"],"system":[', b'"last",'),
        case("another name", b'"last"],"system"', b'"last"],"cistem"'),
        case("an object for an array", b'"system":[', b'"system":{'),
        case("a bracket too many", b'"last"],"system":[', b'"last"],"system":{"a":['),
        case("a bracket that does not open", b'"last"],"system":[', b'["last"],"system":['),
        case("a bracket too few", b'"last"]', b'"last"'),
        case("a string without end", b'"last"]', b'"last]'),
        case("a string that goes on", b'"last"]', b'"last\\"]'),
        case("white space", b'"last"', b'"last", "x"'),
        case("an escape", b'"last"', b'"\\u006cast"'),
        case("half a pair", b'"last"', b'"\\ud800"'),
        case("half a letter", b'"last"', b'"\xc3"'),
        case("half a letter that was whole", b"\xc3\xa9", b"\xc3"),
        case("as deep as may be", b'"last"', b"[" * 1022 + b"]" * 1022),
        case("deeper than may be", b'"last"', b"[" * 1023 + b"]" * 1023),
        case("as deep as orjson writes", b'"last"', b"[" * 254 + b"]" * 254),
        case("no longer empty", b"[]", b"[[]]"),
        case("more than a body", b"true}", b"true}}"),
        case("less than a body", b"true}", b"true"),
        case("white space at the end", b"true}", b"true}\n"),
        case("white space at the beginning", b'{"model"', b' {"model"'),
        case("no object", b'{"model"', b'[{"model"'),
        case("the first value", b'"m"', b'"longer"'),
        case("the first member goes", b'"model":"m",', b""),
        case("the last member goes", b',"stream":true', b""),
        case("a key twice, far apart", b'"model"', b'"stream"'),
        case("an escape in a key", b'"messages"', b'"mess\\u0061ges"'),
    ],
)
def test_a_change_is_read_as_it_stands(changes: list[tuple[bytes, bytes]]):
    changed = BODY
    for old, new in changes:
        assert changed.count(old) == 1
        changed = changed.replace(old, new)
    after, found = read(reparsed(None, BODY), changed)

    assert found == expected(changed)
    assert read(after, BODY)[1] == expected(BODY)


def test_what_repeats_itself_is_cut_where_it_may_be():
    body = BODY.replace(b"12,345]", b'"same","same","same"]')
    before = reparsed(None, body)
    fewer = body.replace(b',"same"]', b"]")
    found = reparsed(before, fewer).document

    assert found == orjson.loads(fewer)
    assert found["tools"] is before.document["tools"]


@pytest.mark.parametrize("body", [BODY + b" ", BODY.replace(b'"last"', b'"more"')])
def test_what_a_body_was_compared_with_is_told(body: bytes):
    before = reparsed(None, BODY)
    alone, after = reparsed(None, body).likeness, reparsed(before, body).likeness

    assert (alone.body, alone.earlier) == (body, None)
    assert after.body is body
    assert after.earlier is before.likeness.mark
    known = compared(body, before.likeness)
    assert (after.prefix, after.suffix) == (known.prefix, known.suffix)


def test_what_did_not_change_is_the_same_object():
    before = reparsed(None, BODY)
    after = reparsed(before, BODY.replace(b'"last"]', b'"last but one","last"]').replace(b'"one"', b'"1"'))
    old, new = before.document, after.document

    assert new["messages"][3:] == ["last but one", "last"]
    assert all(one is other for one, other in zip(old["messages"][:3], new["messages"], strict=False))
    assert all(one is other for one, other in zip(old["system"][1:], new["system"][1:], strict=True))
    assert all(old[key] is new[key] for key in ("model", "tools", "metadata", "max_tokens"))
    assert old == orjson.loads(BODY)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param((b'"max_tokens":', b'"max_tokens": '), id="white space"),
        pytest.param((b"true}", b"true}\n"), id="white space at the end"),
        pytest.param((b"64000", b"6.4e4"), id="a number"),
        pytest.param((b"12,345]", b" 12,1e1]"), id="of the same length"),
        pytest.param((b"true", b'true,"model":1'), id="a key twice"),
    ],
)
def test_of_what_is_written_otherwise_nothing_is_used(change: tuple[bytes, bytes]):
    """Lengths would not be places there."""
    assert reparsed(None, BODY.replace(*change)).members == ()


def test_what_is_short_is_not_worth_it():
    assert reparsed(None, TEXT).members == ()


def test_each_conversation_has_its_own():
    reparsing, parsed = Reparsing(), reparsed(None, BODY)
    reparsing.keep("talk", parsed)
    reparsing.keep("talk", reparsed(None, TEXT))

    assert reparsing.last("talk") is parsed
    assert reparsing.last("another talk") is None


def test_of_a_body_written_otherwise_only_its_bytes_are_kept():
    reparsing, parsed = Reparsing(), reparsed(None, BODY + b"\n")
    reparsing.keep("talk", parsed)

    assert reparsing.last("talk") == parsed._replace(document=None)


def test_no_more_is_remembered_than_may_be():
    reparsing = Reparsing(most_bytes=3 * len(BODY))
    for talk in (0, 1, 2, 0, 0, 3):
        reparsing.keep(talk, reparsed(None, BODY))

    assert [reparsing.last(talk) is None for talk in range(4)] == [False, True, False, False]
