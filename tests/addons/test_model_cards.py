"""The shipped cards are whole and dated, and the operator's go before them."""

import json
from pathlib import Path

from axonhub.addons import model_cards
from axonhub.addons.config import Config
from axonhub.addons.config.cards import ModelCard
from axonhub.addons.model_cards import card_of, shipped_cards


def test_shipped_cards_have_a_source_a_date_and_both_limits():
    shipped = json.loads(Path(model_cards.__file__).with_name("model_cards.json").read_text(encoding="utf-8"))

    assert all(vendor["source"].startswith("https://") and vendor["date"] for vendor in shipped["vendors"])
    assert all(card.context_tokens and card.max_output_tokens for card in shipped_cards().values())


def test_operators_card_changes_what_it_states():
    own = ModelCard(name="gpt-5", max_output_tokens=1000)

    card = card_of(Config(models=(own,)), "gpt-5")

    assert (1000, 400_000, "openai") == (card.max_output_tokens, card.context_tokens, card.developer)


def test_vendors_name_in_front_is_left_out_and_nothing_is_guessed():
    assert 400_000 == card_of(Config(), "openai/gpt-5").context_tokens
    assert card_of(Config(), "gpt-5-turbo-max").context_tokens is None
