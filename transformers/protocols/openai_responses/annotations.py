"""Citations in the shape of OpenAI Responses: flat objects with places in the text."""

from collections.abc import Iterable
from typing import Final

from axonhub.transformers.citations import responses_annotation, web_citation
from axonhub.transformers.json_types import Json, JsonObject

_OWN: Final = frozenset(("url_citation", "file_citation", "container_file_citation", "file_path"))
_PLACES: Final = ("start_index", "end_index")


def flat_annotations(annotations: Iterable[JsonObject], text: str) -> list[Json]:
    """Those annotations that can be said here: our own, and other protocols' of web pages."""
    told = (flat_annotation(each, len(text)) for each in annotations)
    return [each for each in told if each is not None]


def flat_annotation(annotation: JsonObject, text_length: int) -> JsonObject | None:
    """None for citations of places in documents, which have no word here."""
    kind = annotation.get("type")
    if kind in _OWN and (kind != "url_citation" or all(isinstance(annotation.get(each), int) for each in _PLACES)):
        return annotation
    citation = web_citation(annotation)
    return None if citation is None else responses_annotation(citation, text_length)
