"""A trial of a channel: one small request through the gateway's own door, pinned to the channel, and what came of it.

Chat Completions, whatever the channel speaks: the conversion is tried, too. Blocks: called in a thread by the gateway,
and as it is by commands. Nothing raises for what a channel does; the result tells it in a person's words.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, SecretStr

from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import ANY, served_models
from axonhub.addons.config import Channel
from axonhub.addons.exchange import Pin
from axonhub.addons.pinning import pin_headers
from axonhub.addons.routes import CHAT
from axonhub.addons.runtime.sealing import mask
from axonhub.addons.troubleshooting import Explanation, empty_answer, explained, not_served
from axonhub.transformers.hub.failures import Failure, FailureKind
from axonhub.transformers.registry import discovered

PROMPT = "Say hello in one short sentence."
SYSTEM = "You are a helpful assistant."
MOST_AT_ONCE = 8
_MOST_TEXT = 4000
_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Door:
    """Where the gateway listens."""

    host: str
    port: int
    base_path: str
    token: SecretStr
    """The process's own or the admin token."""
    timeout_s: float = 600.0


class TrialRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    channel: str
    model: str | None = None
    """Nothing: the channel's default_test_model, else the first that it serves."""
    all_keys: bool = False
    """Each credential of the channel by itself, at most eight at once."""
    prompt: str = PROMPT
    stream: bool | None = None
    """Nothing: only where the channel takes nothing but streams."""
    source: Literal["test", "probe"] = "test"


class Trial(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    channel: str
    model: str | None
    success: bool
    credential: str | None = None
    """Masked; told when each credential was tried by itself."""
    latency_ms: int = 0
    first_token_ms: int | None = None
    """Until the first words, or the whole answer where it does not stream."""
    text: str = ""
    """What the model said."""
    status: int | None = None
    """HTTP status of the answer."""
    request_id: str | None = None
    """Its record in the store."""
    error: str | None = None
    """What happened."""
    advice: str | None = None
    """What to look at or to do."""


@dataclass(slots=True)
class _Heard:
    text: str = ""
    first_s: float | None = None
    failure: bytes = b""
    """An error in the middle of the stream."""


def tried(wanted: TrialRequest, channel: Channel, door: Door) -> Sequence[Trial]:
    """One result, or one for each credential in their order."""
    kind = channel_types()[channel.type]
    model = wanted.model or channel.default_test_model or first_model(channel)
    if model is None:
        return [_failed(channel, None, Explanation("No model was named.", "Name one, or set default_test_model."))]
    if refused := not_served(channel, kind, model):
        return [_failed(channel, model, refused)]
    ask = partial(_ask, wanted, channel, model, door)
    if not wanted.all_keys or not channel.api_keys:
        return [ask(None)]
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return list(pool.map(ask, range(len(channel.api_keys))))


def first_model(channel: Channel) -> str | None:
    served = served_models(channel, channel_types()[channel.type])
    named = next((each for each in served if each != ANY), None)
    return named or ("demo" if channel_types()[channel.type].internal else None)


def _ask(wanted: TrialRequest, channel: Channel, model: str, door: Door, credential: int | None) -> Trial:
    stream = channel.policies.stream == "require" if wanted.stream is None else wanted.stream
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": wanted.prompt}]
    body = orjson.dumps({"model": model, "messages": messages, "stream": stream})
    pin = Pin(wanted.source, channel.name, model, credential=credential)
    connection = HTTPConnection(door.host, door.port, timeout=door.timeout_s)
    began_s, heard = time.monotonic(), _Heard()
    trial = Trial(channel=channel.name, model=model, success=False)
    if credential is not None:
        trial.credential = mask(channel.api_keys[credential])
    try:
        headers = {"content-type": "application/json", **pin_headers(pin, door.token)}
        connection.request("POST", f"{door.base_path}/v1/chat/completions", body, headers)
        response = connection.getresponse()
        trial.status, trial.request_id = response.status, response.headers.get("x-axonhub-request-id")
        failure = _heard(response, heard, streams=stream and response.status == 200)
        error = _explained(failure, channel) if failure else None if heard.text.strip() else empty_answer()
    except (OSError, HTTPException, orjson.JSONDecodeError) as fault:
        error = Explanation(f"The gateway itself did not answer: {type(fault).__name__}.", "Look at its log.")
    finally:
        connection.close()
    trial.latency_ms = _ms(began_s, time.monotonic())
    trial.first_token_ms = None if heard.first_s is None else _ms(began_s, heard.first_s)
    trial.text, trial.success = heard.text[:_MOST_TEXT], error is None
    trial.error, trial.advice = (error.what, error.advice) if error else (None, None)
    return trial


def _heard(response: HTTPResponse, heard: _Heard, *, streams: bool) -> Failure | None:
    if response.status != 200:
        return _failure(response.status, response.read(), response.headers.get("x-axonhub-failure"))
    if not streams:
        message = orjson.loads(response.read())["choices"][0]["message"]
        heard.first_s = time.monotonic()
        heard.text = str(message.get("content") or ("(a tool call)" if message.get("tool_calls") else ""))
        return None
    for piece in _events(response):
        if "error" in piece:
            return _failure(502, orjson.dumps(piece), None)
        for choice in piece.get("choices", ()):
            if said := (choice.get("delta") or {}).get("content"):
                heard.first_s = heard.first_s or time.monotonic()
                heard.text += str(said)
    return None


def _events(response: HTTPResponse) -> Iterator[Mapping[str, list[Mapping[str, Mapping[str, object]]]]]:
    """Chat's events are one line each."""
    for line in response:
        data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
        if data and data != _DONE:
            yield orjson.loads(data)


def _failure(status: int, body: bytes, kind: str | None) -> Failure:
    """As the provider meant it: the kind is told beside the envelope, which may have to speak of another."""
    failure = discovered()[CHAT].read_failure(status, body)
    known = FailureKind(kind) if kind in {each.value for each in FailureKind} else failure.kind
    if known is FailureKind.NETWORK:
        return Failure(known, "")  # its status and its words are ours, and tell nothing more
    return Failure(known, failure.message, status=status)


def _explained(failure: Failure, channel: Channel) -> Explanation:
    return explained(failure, channel, channel_types()[channel.type])


def _failed(channel: Channel, model: str | None, why: Explanation) -> Trial:
    return Trial(channel=channel.name, model=model, success=False, error=why.what, advice=why.advice)


def _ms(start_s: float, end_s: float) -> int:
    return round((end_s - start_s) * 1000)
