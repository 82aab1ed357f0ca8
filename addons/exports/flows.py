"""Exchanges as mitmproxy flows, and as a flow file that every mitmproxy opens and that this gateway can replay.

The request is the client's own, aimed at the gateway: `mitmdump -C FILE -s addons/axonhub.py` sends it again.
"""

import io
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlsplit

from mitmproxy import connection, http
from mitmproxy.io import FlowWriter

from axonhub.addons.analysis.conversations import text_of
from axonhub.addons.exports.transcripts import Transcript

_LINE = "axonhub"
"""Where a flow keeps what filters find it by: words of the form `name:value`, as in the gateway's own list."""
_WORDS = {"id": "id", "trace": "trace_id", "agent": "agent_id", "key": "key_name", "channel": "channel",
             "model": "used_model", "asked": "asked_model", "source": "source", "replay_of": "replay_of"}  # fmt: skip


def as_flows(transcripts: Iterable[Transcript]) -> bytes:
    file = io.BytesIO()
    writer = FlowWriter(cast(Any, file))
    for each in transcripts:
        writer.add(as_flow(each))
    return file.getvalue()


def as_flow(transcript: Transcript) -> http.HTTPFlow:
    url = urlsplit(transcript.url)
    began_s, ended_s = transcript.started_s, transcript.started_s + transcript.whole_ms / 1000
    client = connection.Client(peername=("127.0.0.1", 0), sockname=("127.0.0.1", 0), timestamp_start=began_s)
    port = url.port or (443 if url.scheme == "https" else 80)
    flow = http.HTTPFlow(client, connection.Server(address=(url.hostname or "", port)))
    headers = http.Headers(_raw(transcript.request_headers))
    flow.request = http.Request.make("POST", transcript.url, transcript.request or b"", headers)
    flow.request.timestamp_start = flow.request.timestamp_end = began_s
    if transcript.status:
        flow.response = http.Response.make(
            transcript.status, transcript.response or b"", http.Headers(_raw(transcript.response_headers))
        )
        flow.response.timestamp_start = began_s + transcript.first_ms / 1000
        flow.response.timestamp_end = ended_s
    flow.comment = " ".join(text_of(transcript.stored.record, name) for name in ("key_name", "asked_model", "channel"))
    record = transcript.stored.record
    words = (f"{name}:{value}" for name, key in _WORDS.items() if (value := text_of(record, key).replace(" ", "_")))
    flow.metadata = {_LINE: " ".join(words)}
    return flow


def _raw(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in fields]
