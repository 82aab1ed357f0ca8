"""The tables of docs/protocols.md say what the code does."""

from dataclasses import fields

import pytest

from axonhub.transformers.dialect import Dialect
from scripts.matrix import flags
from scripts.matrix.directions import CHAT_VENDORS, PROVIDERS
from scripts.matrix.page import PAGE, written
from scripts.matrix.request_fates import IMPLIED, NOT_SAID, request_fate
from scripts.matrix.requests import REQUESTS

ALLOWED_TO_SAY_NOTHING = {"readable summary", "service tier", "one call at a time", "effort high", "adaptive", "off"}
"""Shown anyway, the default anyway, or what the model does by itself."""


def test_the_page_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")

    assert page == written(page), "run scripts/protocol_matrix"


def test_the_page_of_flags_is_up_to_date():
    page = flags.PAGE.read_text(encoding="utf-8")

    assert page == flags.written(page), "run scripts/protocol_matrix"


def test_every_flag_is_explained():
    told = flags.docstrings()

    assert [each.name for each in fields(Dialect) if not told.get(each.name)] == []


def test_every_feature_can_be_said_by_some_client():
    silent = [
        feature.name
        for feature in REQUESTS
        if all(request_fate(feature, client, "openai/chat", Dialect()) == NOT_SAID for client in PROVIDERS)
    ]

    assert silent == []


@pytest.mark.parametrize("client", PROVIDERS)
def test_nothing_is_left_out_without_a_word(client):
    directions = [(name, dialect) for name, dialect in PROVIDERS.items() if name != client]
    directions += [("openai/chat", dialect) for dialect in CHAT_VENDORS.values()]
    implied = {
        feature.name
        for feature in REQUESTS
        for provider, dialect in directions
        if request_fate(feature, client, provider, dialect) == IMPLIED
    }

    assert implied <= ALLOWED_TO_SAY_NOTHING
