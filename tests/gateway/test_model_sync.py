"""A channel takes its models from its provider's list, and keeps them when the provider no longer tells them."""

import json
import threading

from tests.gateway.conftest import CALLER_KEY, StartGateway, config_of
from tests.gateway.process import Gateway
from tests.upstreams.server import Reply, Request, Upstream, json_reply

CREDENTIAL = "sk-credential-of-the-list"


def listing(*names: str) -> Reply:
    return json_reply(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


def known(gateway: Gateway) -> list[str]:
    listed = gateway.call("GET", "/v1/models", (("authorization", f"Bearer {CALLER_KEY}"),)).json()
    return [model["id"] for model in listed["data"]]  # type: ignore[index, call-overload]


def channel(upstream: Upstream, **more: object) -> dict[str, object]:
    return {
        "name": "synced",
        "type": "openai",
        "base_url": f"{upstream.url}/v1",
        "api_keys": [CREDENTIAL],
        "supported_models": ["by-hand"],
        "auto_sync_supported_models": True,
        "auto_sync_model_pattern": "gpt-.*",
        **more,
    }


def test_models_that_fit_are_added_and_outlive_a_provider_that_fails(start: StartGateway) -> None:
    failed = threading.Event()
    answers = [listing("gpt-a", "gpt-b", "dall-e")]

    def script(request: Request) -> Reply:
        if answers:
            return answers.pop()
        failed.set()
        return json_reply(500, {"error": {"message": CREDENTIAL}})

    with Upstream(script) as upstream:
        gateway = start(config_of([channel(upstream)], model_sync={"every": "1s"}))
        gateway.wait_until(lambda: "gpt-a" in known(gateway), "the provider's models are listed")
        assert failed.wait(20)
        gateway.wait_until(lambda: "could not be listed: HTTP 500" in gateway.log(), "the failure is told")

        assert known(gateway) == ["by-hand", "gpt-a", "gpt-b"]
        (request, *_) = upstream.requests
        assert (request.method, request.path) == ("GET", "/v1/models")
        assert request.header("authorization") == f"Bearer {CREDENTIAL}"
        assert CREDENTIAL not in gateway.log()
        explained = json.loads(gateway.command("explain", "gpt-b", "--json").stdout)
        assert [each["channel"] for each in explained["candidates"]] == ["synced"]


def test_provider_without_a_list_harms_nothing(start: StartGateway) -> None:
    with Upstream(lambda request: Reply(200, (("content-type", "text/html"),), b"<html>")) as upstream:
        gateway = start(config_of([channel(upstream)]))
        gateway.wait_until(lambda: "The models of 'synced' could not be listed" in gateway.log(), "the failure is told")

        assert known(gateway) == ["by-hand"]
