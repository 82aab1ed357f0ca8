"""Citations of web pages: one meaning in the shapes of four vendors.

The hub keeps an annotation in the shape of the protocol that it came from. A writer of another protocol asks here what
it means; what is no citation of a web page (places in files and documents) has no common meaning and is None.
"""

from dataclasses import dataclass

from axonhub.transformers.fields import as_count, as_mapping, as_text
from axonhub.transformers.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class WebCitation:
    url: str
    title: str = ""
    start: int | None = None
    """First character of the answer's text that the page stands behind; None when the vendor did not say."""
    end: int | None = None
    """The character after the last one."""
    cited_text: str = ""
    """The page's own words, where the vendor quotes them."""


def web_citation(annotation: JsonObject) -> WebCitation | None:
    """What an annotation of any vendor says; None when it cites no web page."""
    # OpenAI's chat nests under the name of the type what its Responses write flat; Anthropic names a result's place.
    said = as_mapping(annotation.get("url_citation")) or annotation
    url = as_text(said.get("url"))
    if not url or annotation.get("type") not in ("url_citation", "web_search_result_location"):
        return None
    return WebCitation(
        url,
        as_text(said.get("title")) or "",
        as_count(said.get("start_index")),
        as_count(said.get("end_index")),
        as_text(said.get("cited_text")) or "",
    )


def responses_annotation(citation: WebCitation, text_length: int) -> JsonObject:
    """OpenAI Responses. The indexes are demanded: a citation without a place stands behind the whole text."""
    start, end = citation.start, citation.end
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": 0 if start is None else start,
        "end_index": text_length if end is None else end,
    }


def chat_annotation(citation: WebCitation, text_length: int) -> JsonObject:
    """OpenAI chat: the same, nested."""
    flat = responses_annotation(citation, text_length)
    return {"type": "url_citation", "url_citation": {name: flat[name] for name in flat if name != "type"}}


def anthropic_citation(citation: WebCitation) -> JsonObject:
    """Anthropic: without the encrypted index, which only Anthropic mints; the client may show it, not send it back."""
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.cited_text,
        "encrypted_index": "",
    }
