"""Whatever comes in, nothing but a ProtocolError comes out, and what is written keeps to its grammar.

Recordings with changes, for seconds at a desk and for minutes at night (AXONHUB_NIGHTLY); see nightly.py.
"""

import json
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, strategies as st

from axonhub.transformers.hub.events import Event, Failed, PartStarted
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.hub.fold import unfold
from axonhub.transformers.hub.parts import Hosted, Unknown
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.hub.responses import Response
from axonhub.transformers.protocol import ProtocolError, Undo
from axonhub.transformers.registry import discovered
from axonhub.transformers.sse import SseDecoder, SseEvent
from tests.transformers import asked
from tests.transformers.answers import Call, Said, body_of, stream_of
from tests.transformers.grammar import hub_faults
from tests.transformers.hub_values import any_request, any_response
from tests.transformers.mutations import ODD, mutated, mutated_streams
from tests.transformers.nightly import searching
from tests.transformers.readers import READERS
from tests.transformers.test_pairs import CHAT, DIALECTS, PROTOCOLS, REQUESTS, reply

EVERYTHING = Said("Hm.", "Here, 北京.", (Call("read", '{"path":"ä"}'), Call("now", id="call_2")), "tool")
each_protocol = pytest.mark.parametrize("name", PROTOCOLS)


def assert_written_everywhere(request: Request) -> None:
    for name in PROTOCOLS:
        with suppress(ProtocolError):
            body = discovered()[name].write_request(request, DIALECTS[name]).body
            assert orjson.loads(orjson.dumps(body)).keys() == body.keys(), name
            discovered()[name].count_request(request, DIALECTS[name])


def assert_answered_everywhere(response: Response) -> None:
    for name in PROTOCOLS:
        body = discovered()[name].write_response(response, reply(name))
        assert orjson.loads(orjson.dumps(body)).keys() == body.keys(), name
        stream_everywhere(list(unfold(response)))


def stream_everywhere(events: list[Event]) -> None:
    for name in PROTOCOLS:
        writer = discovered()[name].stream_writer(reply(name))
        stream = b"".join(writer.write(event) for event in events)
        faults = [] if any(is_novel(event, name) for event in events) else READERS[name].faults(stream)
        # A model's broken arguments are passed on as they came (case 25).
        assert [fault for fault in faults if "are not JSON" not in fault] == [], name


def is_novel(event: Event, name: str) -> bool:
    """A part that only its own protocol knows goes back to it as it came, and no grammar knows it."""
    part = event.part if isinstance(event, PartStarted) else None
    return isinstance(part, Hosted | Unknown) and part.native.protocol == name


def read_stream(name: str, stream: bytes) -> list[Event]:
    """As the gateway reads: what cannot be read ends the stream with a failure."""
    decoder, reader = SseDecoder(), discovered()[name].stream_reader(DIALECTS[name], Undo())
    events: list[Event] = []
    try:
        for each in [*decoder.feed(stream), *decoder.flush()]:
            events += reader.read(each)
        events += reader.finish()
    except ProtocolError:
        events.append(Failed(Failure(FailureKind.SERVER, "unreadable")))
    return events


@each_protocol
@given(st.data())
@searching(200)
def test_what_is_skimmed_of_an_answer_is_what_is_read(name: str, data: st.DataObject):
    body = data.draw(mutated(json.loads(json.dumps(body_of(name, EVERYTHING))), most=2))
    assert isinstance(body, dict)
    usage = discovered()[name].skim_response(body)
    if usage is not None:
        told = discovered()[name].read_response(body, DIALECTS[name], Undo())
        assert isinstance(told, Response)
        assert told.usage == usage


@each_protocol
@given(st.data())
@searching(60)
def test_almost_right_requests(name: str, data: st.DataObject):
    body = data.draw(mutated(data.draw(st.sampled_from([asked.CLIENTS[name](), REQUESTS[name]]))))
    with suppress(ProtocolError):
        assert_written_everywhere(discovered()[name].read_request(body, "m", True))


@each_protocol
@given(st.data())
@searching(40)
def test_almost_right_answers(name: str, data: st.DataObject):
    body = data.draw(mutated(json.loads(json.dumps(body_of(name, EVERYTHING)))))
    with suppress(ProtocolError):
        told = discovered()[name].read_response(body, DIALECTS[name], Undo())
        if isinstance(told, Response):
            assert_answered_everywhere(told)


@each_protocol
@given(st.data())
@searching(60)
def test_almost_right_streams(name: str, data: st.DataObject):
    stream = data.draw(mutated_streams(stream_of(name, EVERYTHING)))
    events = read_stream(name, stream)

    # A reader may stop at its protocol's own terminator; the gateway reads no further either.
    assert hub_faults(events) == []
    stream_everywhere(events)


@each_protocol
@given(st.data())
@searching(30)
def test_almost_right_events_are_skimmed(name: str, data: st.DataObject):
    for each in SseDecoder().feed(data.draw(mutated_streams(stream_of(name, EVERYTHING)))):
        with suppress(ProtocolError):
            list(discovered()[name].skim(each))


@each_protocol
@given(st.text(max_size=20) | st.dictionaries(st.text(max_size=3), ODD).map(json.dumps))
@searching(30)
def test_nonsense_in_events(name: str, data: str):
    assert hub_faults(read_stream(name, f"data: {data}\n\n".encode())) in ([], ["Failed at 0"])
    with suppress(ProtocolError):
        list(discovered()[name].skim(SseEvent(data)))


@given(any_request)
@searching(60)
def test_any_request_that_the_hub_can_hold(request_: Request):
    assert_written_everywhere(request_)


@given(any_response)
@searching(60)
def test_any_answer_that_the_hub_can_hold(response: Response):
    assert_answered_everywhere(response)


@each_protocol
@given(st.dictionaries(st.sampled_from(["input_tokens", "totalTokens", "x"]), ODD))
@searching(20)
def test_odd_counts(name: str, body: dict):
    if name == CHAT:
        return
    with suppress(ProtocolError):
        assert isinstance(discovered()[name].read_count(body), int)
