"""Where a provider's list of models is asked for, and what is read from it."""

import pytest

from axonhub.addons.channels.checking import findings
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel, Config
from axonhub.addons.model_sync import list_url, names_in


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("openai", "https://api.openai.com/v1/models"),
        ("anthropic", "https://api.anthropic.com/v1/models"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/models"),
        ("zai", "https://api.z.ai/api/paas/v4/models"),
        ("deepinfra", "https://api.deepinfra.com/v1/openai/models"),
    ],
)
def test_list_is_asked_for_beside_the_requests(kind: str, url: str):
    assert url == list_url(Channel(name="c", type=kind), channel_types()[kind])


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}, {"id": "a"}, {"id": 7}, "c", {"id": "x\ny"}]}, ["a", "b"]),
        ({"models": [{"name": "models/gemini-2.5-pro"}]}, ["gemini-2.5-pro"]),
        ({"data": []}, []),
    ],
)
def test_names_are_read_from_each_vendors_shape(document: dict, names: list[str]):
    assert names == names_in(document)


@pytest.mark.parametrize("document", [[], {}, {"data": {}}, "models"])
def test_anything_else_is_no_list(document: object):
    with pytest.raises(ValueError, match="no list of models"):
        names_in(document)  # type: ignore[arg-type]


def test_type_without_a_list_is_a_fault():
    channel = Channel(name="c", type="claude-code", auto_sync_supported_models=True)

    (found,) = findings(Config(channels=(channel,)))

    assert ("channels", 0, "auto_sync_supported_models") == found.place
