"""Grounding: where Gemini says an answer comes from, as web citations, and web citations as grounding."""

from collections.abc import Iterable, Iterator

from axonhub.transformers.citations import WebCitation, responses_annotation, web_citation
from axonhub.transformers.fields import as_count, as_items, as_mapping, as_objects, as_text
from axonhub.transformers.json_types import Json, JsonObject


def annotations(candidate: JsonObject, text: str) -> list[JsonObject]:
    """A candidate's sources as annotations of its `text`."""
    found = [*_grounded(as_mapping(candidate.get("groundingMetadata")), text), *_cited(candidate, text)]
    return [responses_annotation(each, len(text)) for each in dict.fromkeys(found)]


def _grounded(metadata: JsonObject, text: str) -> Iterator[WebCitation]:
    chunks = [_page(chunk) for chunk in as_objects(metadata.get("groundingChunks"))]
    supports = as_objects(metadata.get("groundingSupports"))
    for support in supports:
        segment = as_mapping(support.get("segment"))
        start = _characters(text, as_count(segment.get("startIndex")) or 0)
        end = _characters(text, as_count(segment.get("endIndex")))
        for index in as_items(support.get("groundingChunkIndices")):
            page = chunks[index] if isinstance(index, int) and 0 <= index < len(chunks) else None
            if page:
                yield WebCitation(page[0], page[1], start, end)
    if not supports:
        yield from (WebCitation(*page) for page in chunks if page)


def _page(chunk: JsonObject) -> tuple[str, str] | None:
    said = as_mapping(chunk.get("web")) or as_mapping(chunk.get("maps")) or as_mapping(chunk.get("retrievedContext"))
    url = as_text(said.get("uri"))
    return (url, as_text(said.get("title")) or "") if url else None


def _cited(candidate: JsonObject, text: str) -> Iterator[WebCitation]:
    """Passages that the model repeats from its training."""
    metadata = as_mapping(candidate.get("citationMetadata"))
    for each in as_objects(metadata.get("citations") or metadata.get("citationSources")):
        if url := as_text(each.get("uri")):
            start = _characters(text, as_count(each.get("startIndex")) or 0)
            yield WebCitation(
                url, as_text(each.get("title")) or "", start, _characters(text, as_count(each.get("endIndex")))
            )


def _characters(text: str, position: int | None) -> int:
    """Google counts bytes of UTF-8. None is the end."""
    if position is None or text.isascii():
        return len(text) if position is None else min(position, len(text))
    return len(text.encode("utf-8", "surrogatepass")[:position].decode("utf-8", "ignore"))


def grounding_metadata(texts: Iterable[tuple[str, Iterable[JsonObject]]]) -> JsonObject:
    """`groundingMetadata` of a candidate from its texts and their annotations; {} when none cites a page."""
    chunks: dict[tuple[str, str], int] = {}
    supports: list[Json] = []
    for text, told in texts:
        for citation in filter(None, map(web_citation, told)):
            index = chunks.setdefault((citation.url, citation.title), len(chunks))
            supports.append({"segment": _segment(text, citation), "groundingChunkIndices": [index]})
    if not chunks:
        return {}
    pages: list[Json] = [{"web": {"uri": url, "title": title}} for url, title in chunks]
    return {"groundingMetadata": {"groundingChunks": pages, "groundingSupports": supports}}


def _segment(text: str, citation: WebCitation) -> JsonObject:
    start = citation.start or 0
    end = len(text) if citation.end is None else citation.end
    return {
        "startIndex": len(text[:start].encode("utf-8", "surrogatepass")),
        "endIndex": len(text[:end].encode("utf-8", "surrogatepass")),
        "text": text[start:end],
    }
