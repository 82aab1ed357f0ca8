"""Which models a channel serves, and under which name its upstream knows them.

A name is looked up in this order: as the channel lists it, behind the extra prefix, in front of a trimmed prefix,
through the channel's own mappings. `"*"` in the list stands for any model. With `lowercase_model_id` each name may also
be written in lower case; where two names are then the same, the order is: listed, trimmed, mapped, prefixed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.config import Channel
from axonhub.addons.config.check import looks_like_a_name
from axonhub.addons.derived import Derived

ANY = "*"

type Source = Literal["direct", "prefix", "auto_trim", "mapping", "any"]
"""By which rule a name is served."""
_BEFORE_LOWER_CASE: Final[tuple[Source, ...]] = ("direct", "prefix", "auto_trim", "mapping")
_IN_LOWER_CASE: Final[tuple[Source, ...]] = ("direct", "auto_trim", "mapping", "prefix")


@dataclass(frozen=True, slots=True)
class Served:
    """A name that clients may ask for."""

    name: str
    upstream: str
    """What the upstream is asked for instead."""
    source: Source
    hidden: bool = False
    """It may be asked for, but is on no list."""
    lowered: bool = False
    """The client wrote a name of the channel's in lower case."""


class Names:
    """All names of one channel, worked out once; regexes and any model are looked at when nothing else fits."""

    def __init__(self, channel: Channel, kind: ChannelType) -> None:
        models = served_models(channel, kind)
        self._served = frozenset(models)
        self._any = ANY in self._served
        self._lowercase = channel.settings.lowercase_model_id
        self._lowered_models = {name.lower(): name for name in models} if self._lowercase else {}
        self._rules = channel.model_mappings
        found = list(self._entries(channel, [name for name in models if name != ANY]))
        self._exact = _first_of(found, _BEFORE_LOWER_CASE)
        lowered = [Served(each.name.lower(), each.upstream, each.source, each.hidden, True) for each in found]
        self._lower = _first_of(lowered, _IN_LOWER_CASE) if self._lowercase else {}

    def find(self, model: str) -> Served | None:
        """None: the channel does not serve this model."""
        if found := self._exact.get(model) or self._lower.get(model):
            return found
        if (target := self._mapped(model)) is not None:
            return Served(model, target, "mapping")
        return Served(model, model, "any") if self._any else None

    def exact(self) -> Collection[str]:
        """Every name that can be told without asking for it, also those in lower case."""
        return {*self._exact, *self._lower}

    def listed(self) -> list[str]:
        """What clients may be told, in order and each once."""
        shown = (each for each in self._exact.values() if not each.hidden)
        return list(dict.fromkeys(each.name.lower() if self._lowercase else each.name for each in shown))

    def _mapped(self, model: str) -> str | None:
        """By the first rule that leads somewhere."""
        targets = (self._target(wanted) for rule in self._rules if (wanted := rule.match(model)) is not None)
        return next((target for target in targets if target is not None), None)

    def _target(self, wanted: str) -> str | None:
        """Where a mapping leads; None for a dead one, which counts as not there."""
        if wanted in self._served or self._any:
            return wanted
        return self._lowered_models.get(wanted)

    def _entries(self, channel: Channel, models: Sequence[str]) -> Iterator[Served]:
        hides = channel.settings
        for model in models:
            yield Served(model, model, "direct", hides.hide_original_models)
            for prefixed in _joined(channel.extra_model_prefix, model):
                hidden = hides.hide_original_models or prefixed != channel.extra_model_prefix + model
                yield Served(prefixed, model, "prefix", hidden)
            for trimmed in _trimmed(model, channel.auto_trim_model_prefixes):
                yield Served(trimmed, model, "auto_trim", hides.hide_original_models)
        for name in (rule.from_ for rule in self._rules if looks_like_a_name(rule.from_)):
            if (target := self._mapped(name)) is not None:
                yield Served(name, target, "mapping", hides.hide_mapped_models)
                for prefixed in _joined(channel.extra_model_prefix, name)[:1]:
                    yield Served(prefixed, target, "mapping", hides.hide_mapped_models)


def _first_of(found: Sequence[Served], order: Sequence[Source]) -> Mapping[str, Served]:
    table: dict[str, Served] = {}
    for source in order:
        for each in found:
            if each.source == source:
                table.setdefault(each.name, each)
    return table


def _joined(prefix: str, model: str) -> tuple[str, ...]:
    """Also with a slash between, which an operator may leave out."""
    return tuple(dict.fromkeys((prefix + model, f"{prefix.rstrip('/')}/{model}"))) if prefix else ()


def _trimmed(model: str, prefixes: Sequence[str]) -> Iterator[str]:
    for prefix in prefixes:
        for whole in (f"{prefix.rstrip('/')}/", prefix):
            if model.startswith(whole) and model != whole:
                yield model.removeprefix(whole)
                break


_names: dict[str, Derived[Channel, Names]] = {}
"""By channel type: a channel's names depend on what its type usually serves."""


def names_of(channel: Channel, kind: ChannelType) -> Names:
    table = _names.get(kind.name)
    if table is None:
        table = _names[kind.name] = Derived(lambda each: Names(each, kind))
    return table(channel)


def served_models(channel: Channel, kind: ChannelType) -> Sequence[str]:
    return channel.supported_models or kind.default_models


def upstream_model(channel: Channel, kind: ChannelType, model: str) -> str | None:
    """The name to ask the upstream for; None when the channel does not serve this model."""
    found = names_of(channel, kind).find(model)
    return found.upstream if found else None


def listed_models(channel: Channel, kind: ChannelType) -> list[str]:
    """The names that clients may ask this channel for, as far as they can be listed."""
    return names_of(channel, kind).listed()
