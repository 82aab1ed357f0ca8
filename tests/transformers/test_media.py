import base64

import pytest

from axonhub.transformers.hub.parts import Inline, Link
from axonhub.transformers.media import data_url, media_of_url, parse_data_url, sniffed_media_type, with_true_media_type

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()


def test_data_url_round_trips():
    assert parse_data_url(data_url(Inline("image/png", PNG))) == Inline("image/png", PNG)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.test/a.png", None),
        ("data:image/png;base64", None),
        ("DATA:image/png;charset=x;BASE64,QUJD", Inline("image/png", "QUJD")),
        ("data:,a%20b", Inline("text/plain", base64.b64encode(b"a b").decode())),
    ],
)
def test_only_whole_data_urls_are_parsed(url, expected):
    assert parse_data_url(url) == expected


def test_other_urls_are_links():
    assert media_of_url("https://example.test/a.png") == Link("https://example.test/a.png")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"BM\x00\x00", "image/bmp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"words", None),
    ],
)
def test_case_152_first_bytes_tell_the_media_type(head, expected):
    assert sniffed_media_type(base64.b64encode(head + bytes(60)).decode()) == expected


def test_case_152_a_wrong_media_type_is_corrected():
    assert with_true_media_type(Inline("image/jpeg", PNG)).media_type == "image/png"
    assert with_true_media_type(Inline("", PNG)).media_type == "image/png"


def test_bytes_that_show_nothing_keep_their_declared_type():
    assert sniffed_media_type("not base64!") is None
    assert with_true_media_type(Inline("audio/wav", "QUJD")) == Inline("audio/wav", "QUJD")
