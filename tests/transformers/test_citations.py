import pytest

from axonhub.transformers.citations import (
    WebCitation,
    anthropic_citation,
    chat_annotation,
    responses_annotation,
    web_citation,
)

CITATION = WebCitation("https://example.com/a", "A", 2, 5)


@pytest.mark.parametrize("write", [responses_annotation, chat_annotation])
def test_openai_shapes_are_understood_as_they_are_written(write):
    assert web_citation(write(CITATION, 9)) == CITATION


def test_a_citation_without_a_place_stands_behind_the_whole_text():
    annotation = responses_annotation(WebCitation("https://example.com"), 9)

    assert (annotation["start_index"], annotation["end_index"]) == (0, 9)


def test_anthropic_keeps_the_quoted_words():
    citation = WebCitation("https://example.com", "A", cited_text="words")

    assert web_citation(anthropic_citation(citation)) == citation


@pytest.mark.parametrize(
    "annotation",
    [{}, {"type": "file_citation", "file_id": "f"}, {"type": "char_location"}, {"type": "url_citation", "url": 3}],
)
def test_what_cites_no_web_page_has_no_common_meaning(annotation):
    assert web_citation(annotation) is None
