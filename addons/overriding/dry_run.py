"""What a channel's overrides would make of a request, without sending it: for the command and the admin API.

Pure. Secret headers are shown masked.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff

import orjson

from axonhub.addons.config import Channel
from axonhub.addons.overriding.conditions import Asked
from axonhub.addons.overriding.operations import Step
from axonhub.addons.overriding.secrecy import MASK, masked
from axonhub.addons.overriding.sending import Outgoing, overridden
from axonhub.addons.overriding.templates import Facts
from axonhub.transformers.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Rehearsal:
    steps: tuple[Step, ...]
    """In order: the body's operations, then the headers'."""
    body_before: Json
    body_after: Json
    headers_before: Mapping[str, str]
    headers_after: Mapping[str, str]


def rehearse(channel: Channel, body: bytes, headers: Mapping[str, str], facts: Facts, asked: Asked) -> Rehearsal:
    """`body`: a JSON object as it would go to the channel; `headers`: those that would go there, without credential."""
    fields = tuple((name.encode(), value.encode()) for name, value in headers.items())
    sent, steps = overridden(channel, Outgoing(body, fields), facts, asked)
    after = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in sent.headers}
    secret = dict.fromkeys(sent.secret_headers, MASK)
    before = {name: masked(name, value) for name, value in headers.items()}
    return Rehearsal(tuple(steps), orjson.loads(body), orjson.loads(sent.body), before, after | secret)


def as_json(rehearsal: Rehearsal) -> JsonObject:
    steps: list[Json] = [
        {"operation": each.label, "outcome": each.outcome, "detail": each.detail} for each in rehearsal.steps
    ]
    return {
        "steps": steps,
        "body": {"before": rehearsal.body_before, "after": rehearsal.body_after},
        "headers": {"before": {**rehearsal.headers_before}, "after": {**rehearsal.headers_after}},
    }


def in_words(rehearsal: Rehearsal) -> Iterator[str]:
    """Lines for a terminal: what became of each operation, then what differs."""
    for number, step in enumerate(rehearsal.steps, 1):
        yield f"{number}. {step.label}: {step.outcome}" + (f" ({step.detail})" if step.detail else "")
    yield from _difference("body", _pretty(rehearsal.body_before), _pretty(rehearsal.body_after))
    yield from _difference("headers", _lines(rehearsal.headers_before), _lines(rehearsal.headers_after))


def _difference(what: str, before: list[str], after: list[str]) -> Iterator[str]:
    lines = list(unified_diff(before, after, f"{what} before", f"{what} after", lineterm="", n=2))
    yield from lines or [f"The {what} {'are' if what.endswith('s') else 'is'} as before."]


def _pretty(value: Json) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False).splitlines()


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name.lower()}: {value}" for name, value in sorted(headers.items())]
