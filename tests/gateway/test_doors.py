"""Who gets in, at which doors, and what is open to everybody."""

import pytest

from tests.gateway.caller import Headers
from tests.gateway.conftest import CALLER_KEY, Upstreams, chat_body, messages_body
from tests.gateway.process import Gateway

JSON = ("content-type", "application/json")
PLACES: dict[str, Headers] = {
    "authorization": (("Authorization", f"Bearer {CALLER_KEY}"),),
    "authorization in another case": (("AUTHORIZATION", f"bearer {CALLER_KEY}"),),
    "x-api-key": (("x-api-key", CALLER_KEY),),
    "x-goog-api-key": (("x-goog-api-key", CALLER_KEY),),
    "a wrong one beside it": (("Authorization", "Bearer wrong"), ("x-api-key", CALLER_KEY)),
    "a wrong one beside it, the other way": (("Authorization", f"Bearer {CALLER_KEY}"), ("x-api-key", "wrong")),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target", ["/anthropic/v1/messages", "/v1/messages", "/v1/chat/completions"])
def test_key_opens_from_each_place_and_goes_no_further(
    gateway: Gateway, upstreams: Upstreams, place: str, target: str
) -> None:
    body = chat_body() if target.endswith("completions") else messages_body()

    answer = gateway.call("POST", target, (*PLACES[place], ("anthropic-version", "2023-06-01"), JSON), body)

    requests = (*upstreams.anthropic.requests, *upstreams.chat.requests)
    assert answer.status == 200, answer.body
    assert upstreams.refusals == []
    assert len(requests) == 1
    assert CALLER_KEY not in repr(requests)
    assert requests[0].header("x-goog-api-key") is None


def test_key_in_the_query_opens_geminis_paths(gateway: Gateway, upstreams: Upstreams) -> None:
    answer = gateway.call("GET", f"/gemini/v1beta/models?key={CALLER_KEY}")

    assert answer.status == 200, answer.body


def test_wrong_key_in_the_query_opens_nothing(gateway: Gateway, upstreams: Upstreams) -> None:
    answer = gateway.call("GET", "/gemini/v1beta/models?key=wrong")

    assert answer.status == 401


def test_key_in_the_query_opens_no_other_path(gateway: Gateway, upstreams: Upstreams) -> None:
    answer = gateway.call("POST", f"/anthropic/v1/messages?key={CALLER_KEY}", (JSON,), messages_body())

    assert answer.status == 401
    assert upstreams.were_left_alone()


@pytest.mark.parametrize(("method", "target"), [("GET", "/health"), ("HEAD", "/"), ("HEAD", "/anthropic")])
def test_open_door_needs_no_key(gateway: Gateway, upstreams: Upstreams, method: str, target: str) -> None:
    answer = gateway.call(method, target)

    assert answer.status == 200
    assert upstreams.were_left_alone()


@pytest.mark.parametrize("target", ["/metrics", "/admin/api/openapi.json", "/v1/models", "/anthropic/v1/models"])
def test_other_doors_stay_shut_without_a_key(gateway: Gateway, upstreams: Upstreams, target: str) -> None:
    assert gateway.call("GET", target).status in (401, 404)


def test_callers_key_is_no_admin_token(gateway: Gateway, upstreams: Upstreams) -> None:
    answer = gateway.call("GET", "/admin/api/channels", (("authorization", f"Bearer {CALLER_KEY}"),))

    assert answer.status in (401, 403, 404)


def test_models_are_listed_in_the_callers_protocol(gateway: Gateway, upstreams: Upstreams) -> None:
    key = ("authorization", f"Bearer {CALLER_KEY}")

    openai = gateway.call("GET", "/v1/models", (key,)).json()
    anthropic = gateway.call("GET", "/v1/models", (key, ("anthropic-version", "2023-06-01"))).json()

    assert isinstance(openai, dict)
    assert isinstance(anthropic, dict)
    assert {"claude-sonnet-4-5", "gpt-4.1"} <= {model["id"] for model in openai["data"]}
    assert openai["object"] == "list"
    assert {"claude-sonnet-4-5", "gpt-4.1"} <= {model["id"] for model in anthropic["data"]}
    assert all(model["type"] == "model" for model in anthropic["data"])
    assert upstreams.were_left_alone()
