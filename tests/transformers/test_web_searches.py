"""Four vendors' web searches mean the same."""

import pytest

from axonhub.transformers.hub.parts import Native
from axonhub.transformers.hub.requests import HostedTool
from axonhub.transformers.web_searches import WebSearch, web_search

PLACE = {"city": "Bonn", "country": "DE"}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (
            "web_search_20250305",
            {
                "name": "web_search",
                "allowed_domains": ["a.example"],
                "max_uses": 3,
                "user_location": {"type": "approximate"} | PLACE,
            },
            WebSearch(("a.example",), place=PLACE, max_uses=3),
        ),
        (
            "web_search",
            {"filters": {"allowed_domains": ["a.example"]}, "search_context_size": "low", "external_web_access": True},
            WebSearch(("a.example",), context_size="low", others=("external_web_access",)),
        ),
        (
            "web_search",
            {"web_search_options": {"user_location": {"type": "approximate", "approximate": PLACE}}},
            WebSearch(place=PLACE),
        ),
        ("googleSearch", {"googleSearch": {}}, WebSearch()),
        ("googleSearch", {"googleSearch": {"timeRangeFilter": {"a": 1}}}, WebSearch(others=("timeRangeFilter",))),
        ("code_execution", {}, None),
    ],
)
def test_what_a_web_search_asks_for(kind, value, expected):
    assert web_search(HostedTool(kind, Native("any/protocol", {"type": kind} | value))) == expected


def test_what_a_channel_cannot_say_is_a_loss_each():
    search = WebSearch(("a",), ("b",), PLACE, "low", 3, ("strict",))

    assert [loss.path for loss in search.unsaid("tools[1]", "allowed_domains", "place")] == [
        "tools[1].blocked_domains",
        "tools[1].context_size",
        "tools[1].max_uses",
        "tools[1].strict",
    ]
