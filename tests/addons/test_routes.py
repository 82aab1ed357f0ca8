"""What a method and path mean, and in whose words an unknown one is refused."""

import pytest

from axonhub.addons.errors import UnknownPath, WrongMethod
from axonhub.addons.routes import claim, nearest, takes_key_in_query


@pytest.mark.parametrize(
    ("method", "path", "protocol", "operation"),
    [
        ("POST", "/anthropic/v1/messages", "anthropic/messages", "generate"),
        ("POST", "/v1/messages", "anthropic/messages", "generate"),
        ("POST", "/anthropic/v1/messages/count_tokens", "anthropic/messages", "count_tokens"),
        ("POST", "/v1/messages/count_tokens", "anthropic/messages", "count_tokens"),
        ("GET", "/anthropic/v1/models", "anthropic/messages", "models"),
        ("POST", "/v1/chat/completions", "openai/chat", "generate"),
        ("POST", "/v1/responses", "openai/responses", "generate"),
        ("POST", "/v1/embeddings", "openai/chat", "embeddings"),
        ("GET", "/v1/models", "openai/chat", "models"),
    ],
)
def test_addresses(method: str, path: str, protocol: str, operation: str):
    address = claim(method, path, {})

    assert (protocol, operation) == (address.protocol.name, address.operation)


@pytest.mark.parametrize("prefix", ["/gemini/v1beta", "/gemini/v1", "/v1beta", "/v1"])
@pytest.mark.parametrize(("verb", "stream"), [("generateContent", False), ("streamGenerateContent", True)])
def test_gemini_keeps_model_and_stream_in_the_path(prefix: str, verb: str, stream: bool):
    address = claim("POST", f"{prefix}/models/gemini-2.5-pro:{verb}", {})

    assert ("gemini/generate_content", "gemini-2.5-pro", stream) == (
        address.protocol.name,
        address.model,
        address.stream,
    )


ANTHROPICS = {"anthropic-version": "2023-06-01"}


def test_models_are_listed_in_anthropics_shape_to_its_clients():
    assert "anthropic/messages" == claim("GET", "/v1/models", ANTHROPICS).protocol.name


def test_an_address_that_is_known_is_still_each_clients_own():
    for model in ("", "/claude-a", "/claude-b"):
        one, other, again = (claim("GET", f"/v1/models{model}", headers) for headers in ({}, ANTHROPICS, {}))

        assert ["openai/chat", "anthropic/messages", "openai/chat"] == [e.protocol.name for e in (one, other, again)]
        assert {model[1:] or None} == {each.model for each in (one, other, again)}


@pytest.mark.parametrize("path", ["/", "/v1", "/anthropic/v1/messages/x", "/v1/messagesx", "/admin", "/v2/messages"])
def test_unknown_paths_are_refused(path: str):
    with pytest.raises(UnknownPath):
        claim("POST", path, {})


def test_a_wrong_method_is_told_the_right_one():
    with pytest.raises(WrongMethod) as refused:
        claim("GET", "/v1/messages", {})

    assert {"allow": "POST"} == refused.value.headers


@pytest.mark.parametrize(
    ("path", "headers", "protocol"),
    [
        ("/anthropic/nope", {}, "anthropic/messages"),
        ("/anthropic", {}, "anthropic/messages"),
        ("/v1/nope", {}, "openai/chat"),
        ("/v1/nope", {"anthropic-version": "x"}, "anthropic/messages"),
        ("/gemini/v9", {}, "gemini/generate_content"),
        ("/v1beta/nope", {}, "gemini/generate_content"),
        ("/v1/responses/x", {}, "openai/responses"),
    ],
)
def test_errors_are_in_the_nearest_protocol(path: str, headers: dict[str, str], protocol: str):
    assert protocol == nearest(path, headers).name


@pytest.mark.parametrize(
    ("path", "taken"),
    [("/v1beta/models", True), ("/gemini/v1/models/x:countTokens", True), ("/v1/models/x:generateContent", True),
     ("/v1/models", False), ("/v1/messages", False), ("/anthropic/v1/messages", False)],
)  # fmt: skip
def test_only_gemini_takes_a_key_in_the_query(path: str, taken: bool):
    assert taken == takes_key_in_query(path)
