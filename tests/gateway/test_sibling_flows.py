"""mitmweb shows each try that failed beside the flow of its request."""

import json

from tests.gateway.conftest import (
    ANTHROPIC_CREDENTIAL,
    CHAT_CREDENTIAL,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    config_of,
)
from tests.gateway.mitmweb import PASSWORD, Mitmweb
from tests.gateway.test_balancing import two_channels
from tests.upstreams.server import Raw, Request, json_reply

CLOSED = "http://127.0.0.1:1"


def test_failed_tries_are_shown_beside_the_request(start: StartGateway, upstreams: Upstreams) -> None:
    first, twin = two_channels(upstreams)
    refused = anthropic_channel(upstreams.anthropic, name="refused", base_url=CLOSED, priority=-1)
    inspection = {"web_password": PASSWORD}
    gateway = start(config_of([refused, first, twin], inspection=inspection), way="mitmweb")

    def echoing(request: Request) -> Raw:
        return json_reply(529, {"error": {"type": "overloaded_error", "message": f"busy {ANTHROPIC_CREDENTIAL}"}})

    upstreams.anthropic.script = echoing
    answer = ask_anthropic(gateway)
    web, request_id = Mitmweb(gateway), answer.header("x-axonhub-request-id")
    web.wait_for("what became of it", marked="⚠")
    gateway.wait_until(lambda: any("3 tries" in str(each["comment"]) for each in web.flows()), "the request's own flow")
    flows = [each for each in web.flows() if each["marked"] == "⚠"]
    unreached, overloaded, shown = sorted(flows, key=lambda each: not str(each["comment"]).startswith("try "))

    assert answer.status == 200
    assert [each["path"] for each in (shown["request"], overloaded["request"])] == ["/v1/messages"] * 2  # type: ignore[index]
    assert str(unreached["comment"]).startswith(f"try 1 of {request_id} · claude-sonnet-4-5 · refused · network: ")
    assert unreached["error"] and not unreached.get("response")
    assert overloaded["response"]["status_code"] == 529  # type: ignore[index]
    assert overloaded["request"]["port"] == upstreams.anthropic.port  # type: ignore[index]
    assert b"busy" in web.content(overloaded, "response")
    everything = json.dumps(flows).encode() + b"".join(
        web.content(flow, side) for flow in (overloaded, shown) for side in ("request", "response")
    )
    assert not any(secret.encode() in everything for secret in (ANTHROPIC_CREDENTIAL, CHAT_CREDENTIAL))
