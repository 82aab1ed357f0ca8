"""What becomes of a request's feature between two protocols, found by converting a request with and one without it."""

import json
from dataclasses import dataclass, fields, replace

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Unsupported, WireProtocol
from scripts.matrix.directions import CLIENTS, protocol
from scripts.matrix.requests import BASE, Feature

NOT_SAID = "–"
REFUSED = "refused"
LOST = "lost"
PARTLY = "partly"
KEPT = "kept"
TRANSLATED = "translated"
IMPLIED = "implied"
"""Nothing is said, nothing is lost: it is what happens anyway. tests/transformers/test_fates.py knows the reasons."""


@dataclass(frozen=True)
class _Converted:
    body: str
    losses: frozenset[tuple[str, str]]
    back: Request
    """What the provider reads."""


def request_fate(feature: Feature, client: str, provider: str, dialect: Dialect) -> str:
    """One of the words above."""
    said = asked(feature, client)
    if said is None:
        return NOT_SAID
    reader, writer = protocol(client), protocol(provider)
    without, with_ = (reader.read_request(body, feature.before(BASE).model, False) for body in said)
    try:
        before = _converted(without, writer, dialect)
        after = _converted(with_, writer, dialect)
    except Unsupported:
        return REFUSED
    lost = after.losses - before.losses
    if after.body == before.body:
        return LOST if lost else IMPLIED
    if lost:
        return PARTLY
    return KEPT if _means_the_same(without, with_, before.back, after.back) else TRANSLATED


def asked(feature: Feature, client: str) -> tuple[JsonObject, JsonObject] | None:
    """The client's bodies without and with the feature; None when its protocol cannot say it."""
    writer, dialect = protocol(client), CLIENTS[client]
    without = writer.write_request(feature.before(BASE), dialect).body
    if patch := feature.wire.get(client):
        return without, patch(without)
    if feature.change is None or client not in feature.said_by:
        return None
    try:
        with_ = writer.write_request(feature.change(BASE), dialect).body
    except Unsupported:
        return None
    return None if _dump(with_) == _dump(without) else (without, with_)


def _converted(request: Request, writer: WireProtocol, dialect: Dialect) -> _Converted:
    written = writer.write_request(request, dialect)
    losses = frozenset((loss.path, loss.reason) for loss in written.losses)
    return _Converted(_dump(written.body), losses, writer.read_request(written.body, request.model, request.stream))


def _means_the_same(without: Request, with_: Request, back_without: Request, back: Request) -> bool:
    """Does the provider read in every member what the client changed in it?"""
    changed = [each.name for each in fields(Request) if getattr(without, each.name) != getattr(with_, each.name)]
    return bool(changed) and all(
        getattr(replace(back, extensions={}), name) == getattr(replace(with_, extensions={}), name) for name in changed
    )


def _dump(body: JsonObject) -> str:
    return json.dumps(body, sort_keys=True)
