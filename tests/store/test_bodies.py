"""Bodies come back byte for byte, whatever they are, and a conversation costs little more than its last turn."""

import random
import resource
from collections.abc import Iterator
from itertools import batched
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from axonhub.addons.store.backend import BodyUnavailable, WriteFailed
from axonhub.addons.store.bodies import BodyReader, BodyWriter, read_place, read_varints, varints
from axonhub.transformers.repetition import Likeness, compared, shared_prefix, shared_suffix
from tests.store.traffic import conversation

type Stored = list[tuple[dict[str, str], dict[str, bytes]]]


def read_all(path: Path, stored: Stored) -> list[dict[str, bytes]]:
    reader = BodyReader(path)
    found = [{name: reader.body(read_place(ref)) for name, ref in refs.items()} for refs, _ in stored]
    reader.close()
    return found


def bodies_of(stored: Stored) -> list[dict[str, bytes]]:
    return [bodies for _, bodies in stored]


def edited(dice: random.Random, body: bytes) -> bytes:
    """The body with something cut out, put in or replaced by bytes that are no text, at a random place."""
    at, length = dice.randrange(len(body) + 1), dice.randrange(400)
    piece = dice.choice(
        (b"", dice.randbytes(dice.randrange(300)), b'{"role":', b',"cache_control"', body[at : at + length])
    )
    return body[:at] + piece + body[at + dice.choice((0, length)) :]


def adversarial(seed: int, count: int) -> Iterator[bytes]:
    dice = random.Random(seed)
    body = next(conversation(seed, 1))["request"][:20_000]
    for _ in range(count):
        body = dice.choice((edited(dice, body), edited(dice, edited(dice, body)), body, b"", dice.randbytes(50)))
        body = body or next(conversation(dice.randrange(99), 1))["request"][:20_000]
        yield body


@pytest.mark.parametrize("memory_bytes", [0, 50_000, 32 << 20])
def test_hostile_bodies_come_back_byte_for_byte(tmp_path: Path, memory_bytes: int) -> None:
    """With edits anywhere, bytes that are no UTF-8, empty ones, several at once, and a writer that is reopened."""
    path, stored, dice = tmp_path / "pack", [], random.Random(1)
    writer = BodyWriter(path, "p", memory_bytes)
    bodies = adversarial(memory_bytes, 400)
    for first in bodies:
        several = {"request": first, "response": next(bodies, b""), "attempt-1-request": first}
        stored.append((writer.put(dice.choice("ab"), several), several))
        if dice.random() < 0.03:
            writer.close()
            writer = BodyWriter(path, "p", memory_bytes)
    writer.close()

    assert read_all(path, stored) == bodies_of(stored)


@settings(max_examples=60, deadline=None)
@given(bodies=st.lists(st.binary(max_size=600), max_size=6))
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("bodies") / "pack"
    writer = BodyWriter(path, "p", 1 << 20)
    stored = [(writer.put("t", {"b": body}), {"b": body}) for body in bodies]
    writer.close()

    assert read_all(path, stored) == bodies_of(stored)


PIECES = st.lists(
    st.sampled_from(
        (
            b'{"role":"user","content":"' + b"q" * 150 + b'"}',
            b'{"type":"text","text":"' + b"t" * 40 + b'"}',
            b'{"name":"tool","description":"' + b"d" * 1200 + b'"}',
            b',"cache_control":{"type":"ephemeral"}',
            b'data: {"type":"delta"}\n\n' * 9,
            b"event: x\n",
            b"\xff",
        )
    ),
    max_size=12,
).map(b"".join)


@st.composite
def related(draw: st.DrawFn) -> list[bytes]:
    """Bodies of which each begins and ends like one before it, and differs between."""
    bodies = [draw(PIECES)]
    for _ in range(draw(st.integers(1, 7))):
        before = draw(st.sampled_from(bodies))
        first, last = draw(st.integers(0, len(before))), draw(st.integers(0, len(before)))
        bodies.append(before[:first] + draw(PIECES | st.binary(max_size=9)) + before[last:])
    return bodies


@settings(max_examples=300, deadline=None)
@given(
    bodies=related(),
    conversations=st.integers(1, 3),
    together=st.integers(1, 4),
    memory_bytes=st.sampled_from((0, 4000, 1 << 20)),
)
def test_bodies_that_begin_and_end_alike_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    bodies: list[bytes],
    conversations: int,
    together: int,
    memory_bytes: int,
) -> None:
    path, stored = tmp_path_factory.mktemp("bodies") / "pack", []
    writer = BodyWriter(path, "p", memory_bytes)
    puts = [(str(number % conversations), {"b": body, "again": body}) for number, body in enumerate(bodies)]
    for several in batched(puts, together):
        stored += [(refs, put) for refs, (_, put) in zip(writer.put_all(several), several, strict=True)]
    writer.close()

    assert read_all(path, stored) == bodies_of(stored)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), bodies=related(), conversations=st.integers(1, 2), together=st.integers(1, 3))
def test_bodies_come_back_whatever_they_were_compared_with(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    bodies: list[bytes],
    conversations: int,
    together: int,
) -> None:
    """With the body before, with another one, with one that was never stored, or with none; in another order, too."""
    path, stored = tmp_path_factory.mktemp("bodies") / "pack", []
    writer = BodyWriter(path, "p", 1 << 20)
    known: list[Likeness] = []
    for body in bodies:
        earlier = data.draw(st.sampled_from([None, *known[-1:], *known]))
        known.append(compared(body if body else b"x", earlier))
    told = [each for each in data.draw(st.permutations(known)) if data.draw(st.integers(0, 3))]
    puts = [(str(number % conversations), {"b": each.body}) for number, each in enumerate(told)]
    for several in batched(puts, together):
        known_now = [each for each in known if data.draw(st.integers(0, 3))]
        stored += [(refs, put) for refs, (_, put) in zip(writer.put_all(several, known_now), several, strict=True)]
    writer.close()

    assert read_all(path, stored) == bodies_of(stored)


class ComparedOnce(bytes):
    """Fails when it is compared with another body."""

    def startswith(self, prefix: object, *places: int) -> bool:
        assert not isinstance(prefix, memoryview)
        return super().startswith(prefix, *places)


def test_who_was_compared_with_the_body_before_is_not_compared_again(tmp_path: Path) -> None:
    blocks = [b'{"type":"text","text":"%b"}' % (b"%d" % number * 300) for number in range(9)]
    first = compared(b",".join(blocks), None)
    alike = compared(first.body + b",{}", first)
    second = Likeness(ComparedOnce(alike.body), alike.prefix, alike.suffix, alike.earlier)
    writer = BodyWriter(tmp_path / "pack", "p", 1 << 20)
    stored = []
    for each in (first, second):
        refs = writer.put_all([("t", {"b": each.body})], [each])
        stored.append((refs[0], {"b": each.body}))
    with pytest.raises(AssertionError):
        writer.put("t", {"b": ComparedOnce(alike.body)})
    writer.close()

    assert read_all(tmp_path / "pack", stored) == bodies_of(stored)


def test_changed_middle_costs_what_it_holds(tmp_path: Path) -> None:
    """Clients put tools and system text behind the messages, so what is new stands in the middle."""
    dice = random.Random(1)
    blocks = [b'{"type":"text","text":"%b"}' % dice.randbytes(300).hex().encode() for _ in range(400)]
    writer = BodyWriter(tmp_path / "pack", "p", 1 << 20)
    writer.put("t", {"request": b",".join(blocks)})
    stored = []
    for number in range(20):
        before = writer.size_bytes
        blocks.insert(200 + number, b'{"type":"text","text":"%b"}' % dice.randbytes(100).hex().encode())
        bodies = {"request": b",".join(blocks)}
        stored.append((writer.put("t", bodies), bodies))

        assert writer.size_bytes - before < 400
    writer.close()

    assert read_all(tmp_path / "pack", stored) == bodies_of(stored)


def test_200_growing_requests_shrink_a_hundredfold(tmp_path: Path) -> None:
    writer, raw, stored = BodyWriter(tmp_path / "pack", "p", 32 << 20), 0, []
    for bodies in conversation(1, 200):
        raw += sum(map(len, bodies.values()))
        stored.append((writer.put("t", bodies), bodies))
    writer.close()

    assert raw / (tmp_path / "pack").stat().st_size > 100
    read_all(tmp_path / "pack", stored[::20])


def test_same_body_twice_costs_a_reference(tmp_path: Path) -> None:
    body = random.Random(1).randbytes(100_000)
    writer = BodyWriter(tmp_path / "pack", "p", 0)
    writer.put("a", {"request": body})
    before = writer.size_bytes

    writer.put("another conversation", {"request": body, "attempt-1-request": body})

    assert writer.size_bytes - before < 100


def test_bodies_put_together_are_one_frame_until_it_is_large(tmp_path: Path) -> None:
    path, dice = tmp_path / "pack", random.Random(1)
    small = [("t", {"request": dice.randbytes(2000)}) for _ in range(20)]
    large = [("t", {"request": dice.randbytes(200_000), "response": b""}) for _ in range(4)]
    writer = BodyWriter(path, "p", 1 << 20)
    refs = writer.put_all([*small, *large, ("t", {})])
    writer.close()

    frames = [read_place(each["request"]).frame for each in refs if each]
    assert len(set(frames[:20])) == 1
    assert [len(set(frames[20:])), frames == sorted(frames)] == [2, True]
    assert read_all(path, [(each, put) for each, (_, put) in zip(refs, [*small, *large, ("t", {})], strict=True)]) == [
        put for _, put in [*small, *large, ("t", {})]
    ]


def test_what_did_not_fit_on_the_disk_is_not_referred_to(tmp_path: Path) -> None:
    path, dice = tmp_path / "pack", random.Random(1)
    bodies = {"request": dice.randbytes(5000)}
    more = {"request": bodies["request"] + dice.randbytes(5000)}
    writer = BodyWriter(path, "p", 1 << 20)
    stored = [(writer.put("t", bodies), bodies)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (writer.size_bytes + 1000, limits[1]))
    try:
        with pytest.raises(WriteFailed):
            writer.put_all([("t", more), ("u", more)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    stored += [(writer.put("t", more), more)]
    writer.close()

    assert read_all(path, stored) == bodies_of(stored)


def test_damaged_frame_costs_only_the_bodies_that_use_it(tmp_path: Path) -> None:
    path = tmp_path / "pack"
    writer = BodyWriter(path, "p", 1 << 20)
    refs = [writer.put("t", {"b": random.Random(n).randbytes(1000)})["b"] for n in range(3)]
    writer.close()
    data = bytearray(path.read_bytes())
    data[read_place(refs[1]).frame + 40] ^= 1
    path.write_bytes(data)

    reader = BodyReader(path)
    assert reader.body(read_place(refs[0])) == random.Random(0).randbytes(1000)
    assert reader.body(read_place(refs[2])) == random.Random(2).randbytes(1000)
    with pytest.raises(BodyUnavailable, match="damaged"):
        reader.body(read_place(refs[1]))
    reader.close()


@pytest.mark.parametrize("ref", ["", "p", "p:1:2", "p:x:0:0", "p:99999:0:5"])
def test_reference_that_names_nothing_is_refused(tmp_path: Path, ref: str) -> None:
    writer = BodyWriter(tmp_path / "pack", "p", 0)
    writer.put("t", {"b": b"body"})
    writer.close()
    reader = BodyReader(tmp_path / "pack")

    with pytest.raises(BodyUnavailable):
        reader.body(read_place(ref))
    reader.close()


@given(st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=50))
def test_shared_prefix_is_what_both_begin_with(common: bytes, old: bytes, new: bytes) -> None:
    length = shared_prefix(common + old, common + new)

    assert length >= len(common)
    assert (common + old)[:length] == (common + new)[:length]
    assert (common + old)[length : length + 1] != (common + new)[length : length + 1] or length == min(
        len(common + old), len(common + new)
    )


def test_shared_prefix_of_large_bodies_ends_at_the_first_difference() -> None:
    old = random.Random(1).randbytes(300_000)
    for at in (0, 1, 65_535, 65_536, 65_537, 131_072, 299_999):
        new = old[:at] + bytes([old[at] ^ 1]) + old[at + 1 :]
        assert shared_prefix(old, new) == at


@settings(deadline=None)
@given(st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=50), st.integers(0, 150))
def test_shared_suffix_is_what_both_end_with(common: bytes, old: bytes, new: bytes, most: int) -> None:
    old, new = old + common, new + common
    most = min(most, len(old), len(new))
    length = shared_suffix(old, new, most)

    assert min(len(common), most) <= length <= most
    assert old[len(old) - length :] == new[len(new) - length :]
    assert length == most or old[-1 - length] != new[-1 - length]


def test_shared_suffix_of_large_bodies_begins_behind_the_last_difference() -> None:
    old = random.Random(1).randbytes(300_000)
    for at in (0, 1, 65_535, 65_536, 65_537, 131_072, 299_999):
        place = len(old) - 1 - at
        new = old[:place] + bytes([old[place] ^ 1]) + old[place + 1 :]
        assert shared_suffix(old, new, len(old)) == at


@given(st.lists(st.integers(0, 2**40)))
def test_varints_are_read_back(numbers: list[int]) -> None:
    assert read_varints(varints(numbers)) == numbers
