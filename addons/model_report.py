"""What becomes of a model's name: each renaming, the candidates with their scores, and why the other channels are out.

`report` is pure and answers without a gateway; the admin API calls it with the gateway's own `Config`, `Health` and
clock (`selection.health`, `time.monotonic()`), the command line with what is on disk and no history.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import Served, names_of, served_models
from axonhub.addons.config import ApiKey, Channel, Config, Profile
from axonhub.addons.errors import GatewayError
from axonhub.addons.exchange import Candidate, Exchange, TraceIds
from axonhub.addons.health import Health
from axonhub.addons.offering import offered
from axonhub.addons.ranking import obstacle, ranked, strategy_of
from axonhub.addons.remapping import mapped, wanted_model
from axonhub.addons.routes import claim
from axonhub.transformers.json_types import Json, JsonObject

_SOURCES = {
    "direct": "listed by the channel",
    "prefix": "behind the channel's extra_model_prefix",
    "auto_trim": "a listed name without a prefix of auto_trim_model_prefixes",
    "mapping": "by the channel's model_mappings",
    "any": "the channel serves any model",
}


@dataclass(frozen=True, slots=True)
class Renaming:
    """One layer that was looked at."""

    layer: str
    """`profile NAME` or `channel NAME`."""
    before: str
    after: str
    rule: str
    """Why, in words."""


@dataclass(frozen=True, slots=True)
class ChannelReport:
    channel: str
    type: str
    fits: bool
    out: str = ""
    """Why it is no candidate."""
    renaming: Renaming | None = None
    """None: it does not serve the model."""
    hidden: bool = False
    """It serves the name, but does not list it."""
    priority: int = 0
    total: float = 0.0
    scores: tuple[tuple[str, float, str], ...] = ()
    """Name, points, reason."""
    deferred: bool = False
    protocol: str = ""
    """In which it would be asked, by a client of Anthropic's protocol."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    asked: str
    wanted: str
    """After the profile."""
    key: str
    profile: str
    strategy: str
    refusal: str
    """Why the request would be refused; "" when it would be tried."""
    listed: bool
    """Does the key's list of models hold the name?"""
    profile_step: Renaming | None
    candidates: tuple[ChannelReport, ...] = ()
    """In the order in which they would be tried."""
    out: tuple[ChannelReport, ...] = field(default_factory=tuple)


def report(
    config: Config,
    api_key: ApiKey | None,
    profile: Profile | None,
    asked: str,
    *,
    health: Health | None = None,
    now_s: float = 0.0,
    home: str = "",
    trace_id: str = "",
    stream: bool = True,
) -> ModelReport:
    """`profile`: the key's active one. `health`, `now_s`: the gateway's and its monotonic clock; None: no history.

    `home`: the channel where the trace lives. Of the key only name and status count: it is not checked.
    """
    exchange = _exchange(config, profile, asked, trace_id, stream)
    refusal, candidates = _tried(exchange, asked, home, health or Health(), now_s)
    wanted = mapped(profile.model_mappings, asked) if profile else asked
    if api_key is not None and api_key.status != "enabled":
        refusal = f"The API key {api_key.name!r} is {api_key.disabled_reason or api_key.status}."
    types = {each.name: each.type for each in config.channels}
    chosen = {each.channel.name for each in candidates}
    others = [each for each in config.channels if each.name not in chosen and each.status != "archived"]
    return ModelReport(
        asked=asked,
        wanted=wanted,
        key=api_key.name if api_key else "",
        profile=profile.name if profile else "",
        strategy=strategy_of(exchange),
        refusal=refusal,
        listed=asked in set(offered(config, profile)),
        profile_step=_profile_step(profile, asked, wanted),
        candidates=tuple(_fitting(each, wanted, types[each.channel.name]) for each in candidates),
        out=tuple(_excluded(each, exchange, wanted, refusal) for each in others),
    )


def _exchange(config: Config, profile: Profile | None, asked: str, trace_id: str, stream: bool) -> Exchange:
    address = claim("POST", "/v1/messages", {})
    exchange = Exchange("explain", 0.0, config, address, "/v1/messages", profile=profile, stream=stream)
    exchange.asked_model, exchange.trace = asked, TraceIds(trace_id)
    return exchange


def _tried(exchange: Exchange, asked: str, home: str, health: Health, now_s: float) -> tuple[str, list[Candidate]]:
    try:
        exchange.wanted_model = wanted_model(exchange.profile, asked)
        return "", ranked(exchange, home, health, now_s)
    except GatewayError as error:
        return error.message, []


def _profile_step(profile: Profile | None, asked: str, wanted: str) -> Renaming | None:
    if profile is None:
        return None
    rules = enumerate(profile.model_mappings, 1)
    number = next((number for number, rule in rules if rule.match(asked) is not None), 0)
    rule = f"mapping {number}: {profile.model_mappings[number - 1].from_}" if number else "no mapping matches"
    return Renaming(f"profile {profile.name}", asked, wanted, rule)


def _fitting(candidate: Candidate, wanted: str, declared_type: str) -> ChannelReport:
    """The candidate's own type may be the sibling that speaks the client's protocol."""
    channel, kind = candidate.channel, channel_types()[candidate.channel.type]
    served = names_of(channel, kind).find(wanted)
    return ChannelReport(
        channel.name,
        declared_type,
        True,
        renaming=_channel_step(channel, served),
        hidden=served is not None and served.hidden,
        priority=channel.priority,
        total=round(candidate.total, 1),
        scores=tuple((each.name, round(each.points, 1), each.reason) for each in candidate.scores),
        deferred=candidate.deferred,
        protocol=kind.protocols[0],
    )


def _excluded(channel: Channel, exchange: Exchange, wanted: str, refusal: str) -> ChannelReport:
    kind = channel_types()[channel.type]
    served = names_of(channel, kind).find(wanted)
    if served is None:
        out = _not_served(channel, kind, wanted)
    else:
        out = obstacle(channel, exchange.profile, exchange.stream) or refusal
    step, hidden = _channel_step(channel, served), served is not None and served.hidden
    return ChannelReport(channel.name, channel.type, False, out, step, hidden, channel.priority)


def _not_served(channel: Channel, kind: ChannelType, wanted: str) -> str:
    dead = next((rule for rule in channel.model_mappings if rule.match(wanted) is not None), None)
    if dead is not None:
        return f"its mapping {dead.from_!r} is dead: {dead.to!r} is not in supported_models"
    close = get_close_matches(wanted, served_models(channel, kind), 1)
    return f"does not serve {wanted!r}" + (f", but {close[0]!r}" if close else "")


def _channel_step(channel: Channel, served: Served | None) -> Renaming | None:
    if served is None:
        return None
    rule = _SOURCES[served.source] + (", in lower case" if served.lowered and served.name != served.upstream else "")
    return Renaming(f"channel {channel.name}", served.name, served.upstream, rule)


# -- for people and programs


def as_json(found: ModelReport) -> JsonObject:
    return {
        "asked": found.asked,
        "wanted": found.wanted,
        "key": found.key or None,
        "profile": found.profile or None,
        "strategy": found.strategy,
        "refusal": found.refusal or None,
        "listed": found.listed,
        "profile_step": _step_json(found.profile_step),
        "candidates": [_channel_json(each) for each in found.candidates],
        "out": [_channel_json(each) for each in found.out],
    }


def _step_json(step: Renaming | None) -> Json:
    if step is None:
        return None
    return {"layer": step.layer, "before": step.before, "after": step.after, "rule": step.rule}


def _channel_json(each: ChannelReport) -> Json:
    shown: JsonObject = {
        "channel": each.channel,
        "type": each.type,
        "priority": each.priority,
        "renaming": _step_json(each.renaming),
        "hidden": each.hidden,
    }
    if not each.fits:
        return {**shown, "out": each.out}
    scores: list[Json] = [{"name": name, "points": points, "reason": why} for name, points, why in each.scores]
    more: JsonObject = {"total": each.total, "scores": scores, "deferred": each.deferred, "protocol": each.protocol}
    return shown | more


def in_words(found: ModelReport, *, every_channel: bool = False) -> Iterator[str]:
    """Lines for a terminal. Channels that do not serve the model are only counted unless `every_channel`."""
    asker = f"the key {found.key}" if found.key else "no key"
    profile = f"profile {found.profile}" if found.profile else "no profile"
    yield f"{found.asked}, asked with {asker} ({profile}, strategy {found.strategy})"
    if found.profile_step is not None:
        yield f"  {_step_words(found.profile_step)}"
    yield f"  GET /v1/models {'names' if found.listed else 'does not name'} {found.asked} to this key"
    if found.refusal:
        yield f"It would be refused: {found.refusal}"
    if found.candidates:
        yield "Candidates, in the order in which they are tried:"
    for number, each in enumerate(found.candidates, 1):
        yield from _candidate_words(number, each)
    yield from _out_words(found.out, every_channel)


def _candidate_words(number: int, each: ChannelReport) -> Iterator[str]:
    last = ", after all others" if each.deferred else ""
    place = f"priority {each.priority}, {each.total} points{last}, asked in {each.protocol}"
    yield f"  {number}. {each.channel} ({each.type}): {place}"
    if each.renaming is not None:
        yield f"     {_step_words(each.renaming)}{' (hidden from lists)' if each.hidden else ''}"
    scores = (f"{name} {points}" + (f" ({reason})" if reason else "") for name, points, reason in each.scores)
    yield f"     {'; '.join(scores)}"


def _out_words(out: tuple[ChannelReport, ...], every_channel: bool) -> Iterator[str]:
    shown = [each for each in out if every_channel or each.renaming is not None or "does not serve" not in each.out]
    if shown:
        yield "Not tried:"
    for each in shown:
        yield f"  {each.channel} ({each.type}): {each.out}"
    if rest := len(out) - len(shown):
        yield f"{rest} other {'channel does' if rest == 1 else 'channels do'} not serve it (--all names them)."


def _step_words(step: Renaming) -> str:
    arrow = step.before if step.before == step.after else f"{step.before} → {step.after}"
    return f"{step.layer}: {arrow} ({step.rule})"
