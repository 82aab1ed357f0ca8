"""Web searches that a provider runs: one meaning in the shapes of four vendors.

Anthropic writes `web_search_20250305` and later, OpenAI Responses `web_search`, OpenAI chat `web_search_options`,
Gemini `googleSearch`. What they have in common is here; a writer records what its own vendor cannot say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from axonhub.transformers.fields import as_count, as_items, as_mapping, as_text
from axonhub.transformers.hub.requests import HostedTool
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.protocol import Loss

_GOOGLE: Final = ("googleSearch", "google_search", "googleSearchRetrieval")
_NESTED: Final = ("web_search_options", *_GOOGLE)
"""Members that hold the settings where a vendor does not write them flat."""
_PLACE: Final = ("city", "country", "region", "timezone")
_KNOWN: Final = frozenset(
    "type name allowed_domains blocked_domains filters user_location search_context_size max_uses "
    "web_search_options googleSearch google_search googleSearchRetrieval".split()
)


@dataclass(frozen=True, slots=True)
class WebSearch:
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    place: JsonObject | None = None
    """Where the user is: city, country, region, timezone."""
    context_size: str | None = None
    """How much of what is found goes to the model: low, medium or high (OpenAI)."""
    max_uses: int | None = None
    """How often the model may search in one answer (Anthropic)."""
    others: tuple[str, ...] = ()
    """Members that only the tool's own vendor knows."""

    def unsaid(self, path: str, *said: str) -> Iterator[Loss]:
        """A Loss for each field that has a value and is not among those that the writer `said`."""
        for name in ("allowed_domains", "blocked_domains", "place", "context_size", "max_uses"):
            if name not in said and getattr(self, name):
                yield Loss(f"{path}.{name}", "the web search of this channel has no such setting")
        for name in self.others:
            yield Loss(f"{path}.{name}", "only its own vendor's web search has it")


def web_search(tool: HostedTool) -> WebSearch | None:
    """What a hosted tool of any vendor asks for; None when it is no web search."""
    if not tool.kind.startswith("web_search") and tool.kind not in _GOOGLE:
        return None
    value = tool.native.value
    options = next((each for name in _NESTED if (each := as_mapping(value.get(name)))), value)
    filters = as_mapping(options.get("filters"))
    return WebSearch(
        allowed_domains=_texts(options.get("allowed_domains")) or _texts(filters.get("allowed_domains")),
        blocked_domains=_texts(options.get("blocked_domains")) or _texts(filters.get("blocked_domains")),
        place=_place(as_mapping(options.get("user_location"))),
        context_size=as_text(options.get("search_context_size")),
        max_uses=as_count(options.get("max_uses")),
        others=tuple(name for name, value in options.items() if name not in _KNOWN and value not in (None, [], {})),
    )


def _place(location: JsonObject) -> JsonObject | None:
    """OpenAI's chat nests what the others write flat."""
    told = as_mapping(location.get("approximate")) or location
    place: JsonObject = {name: told[name] for name in _PLACE if told.get(name) is not None}
    return place or None


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(each for each in as_items(value) if isinstance(each, str))
