"""Wire values that are almost right: recordings with a few members changed, lost or doubled."""

import copy
import json

from hypothesis import strategies as st

ODD = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**18, "", "x", "\u2028", [], {}, [None], [[]], {"type": "x"}, [{}], "{", "[1]", "null"]
).map(copy.deepcopy)
"""What no member expects."""


@st.composite
def mutated(draw: st.DrawFn, body: object, most: int = 3) -> object:
    """The JSON value with one to `most` changes somewhere inside."""
    changed = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, most))):
        _change(draw, changed)
    return changed


def _change(draw: st.DrawFn, value: object) -> None:
    container, key = _place(draw, value)
    if container is None:
        return
    match draw(st.sampled_from(["replace", "remove", "move", "double"])):
        case "replace":
            container[key] = draw(ODD)
        case "remove":
            del container[key]
        case "move":
            other = draw(st.sampled_from(_keys(container)))
            container[key], container[other] = container[other], container[key]
        case "double" if isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        case _:
            container["odd"] = container[key]


def _keys(container: dict | list) -> list:
    return list(container) if isinstance(container, dict) else list(range(len(container)))


def _place(draw: st.DrawFn, value: object) -> tuple:
    """A container inside and one of its keys; deeper ones are as likely as shallow ones."""
    container, key = None, None
    depth = draw(st.integers(1, 7))
    while depth and isinstance(value, dict | list) and value:
        container, key = value, draw(st.sampled_from(_keys(value)))
        value = container[key]
        depth -= 1
    return container, key


@st.composite
def mutated_streams(draw: st.DrawFn, stream: bytes) -> bytes:
    """Events lost, doubled, swapped, cut off or changed inside."""
    frames = stream.replace(b"\r\n", b"\n").split(b"\n\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(frames) - 1))
        match draw(st.sampled_from(["change", "change", "lose", "double", "swap", "cut"])):
            case "change":
                frames[at] = draw(_changed_frame(frames[at]))
            case "lose" if len(frames) > 1:
                del frames[at]
            case "double":
                frames.insert(at, frames[at])
            case "swap":
                other = draw(st.integers(0, len(frames) - 1))
                frames[at], frames[other] = frames[other], frames[at]
            case "cut":
                frames = frames[: at + 1]
    return b"\n\n".join(frames)


@st.composite
def _changed_frame(draw: st.DrawFn, frame: bytes) -> bytes:
    head, mark, data = frame.rpartition(b"data: ")
    try:
        value = json.loads(data)
    except ValueError:
        return frame + draw(st.binary(max_size=4))
    if draw(st.integers(0, 9)) == 0:
        return head + mark + draw(st.sampled_from([b"{", b"[]", b"null", b"[DONE]", b'"text"', b"\xff"]))
    return head + mark + json.dumps(draw(mutated(value))).encode()
