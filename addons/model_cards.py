"""What is known of a model: the operator's cards first, the shipped ones (model_cards.json) behind them.

Names are compared letter by letter, a vendor's name in front (`openai/gpt-5`) left out where nothing else fits.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from axonhub.addons.config import Config, Price, Profile
from axonhub.addons.config.cards import ModelCard
from axonhub.addons.derived import Derived
from axonhub.addons.prices import price_of
from axonhub.addons.remapping import mapped
from axonhub.transformers.model_list import Entry

_SHIPPED: Final = Path(__file__).with_name("model_cards.json")


def entries(config: Config, profile: Profile | None, names: Iterable[str]) -> list[Entry]:
    """For a list of models. A name that the profile maps has the card of the model behind it, but not its name."""
    return [_entry(config, name, mapped(profile.model_mappings, name) if profile else name) for name in names]


def card_of(config: Config, model: str) -> ModelCard:
    """With nothing but the name where nobody knows more."""
    own = _own_cards(config).get(model)
    shipped = shipped_cards().get(model) or shipped_cards().get(model.rpartition("/")[2])
    if own is None or shipped is None:
        return own or shipped or ModelCard(name=model)
    return shipped.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def _entry(config: Config, name: str, wanted: str) -> Entry:
    card = card_of(config, wanted)
    own = _own_cards(config).get(name)
    shown = (own.display_name if own else None) or (card.display_name if name == wanted else None)
    return Entry(
        name,
        shown or name,
        card.description or "",
        card.developer or "",
        card.context_tokens,
        card.max_output_tokens,
        card.vision,
        card.tool_call,
        card.reasoning,
        card.released or "",
        _pricing(price_of("", wanted, config.prices)),
    )


def _pricing(price: Price | None) -> Mapping[str, float] | None:
    """The plain prices per million tokens; None where there is none, or where it depends on the quantity."""
    if price is None or price.input is None or price.output is None:
        return None
    per = price.per_tokens / 1_000_000
    stated = {
        "input": price.input,
        "output": price.output,
        "cache_read": price.cache_read,
        "cache_write": price.cache_write_5m,
    }
    return {name: float(value) / per for name, value in stated.items() if value is not None}


def _read_own(config: Config) -> Mapping[str, ModelCard]:
    return {each.name: each for each in config.models}


_own_cards: Final = Derived(_read_own)


@cache
def shipped_cards() -> Mapping[str, ModelCard]:
    shipped = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    return {
        model: ModelCard.model_validate({"name": model, "developer": vendor["developer"], **row["card"]})
        for vendor in shipped["vendors"]
        for row in vendor["cards"]
        for model in row["models"]
    }
