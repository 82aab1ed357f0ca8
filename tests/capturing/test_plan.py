"""Which hosts are captured, and where their paths lead."""

import pytest

from axonhub.addons.capturing.plan import Plan, gateway_path, providers, read_plan, written
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel

PLAIN = providers(Plan(), channel_types().values(), ())


def test_plan_survives_being_an_option() -> None:
    plan = Plan(True, "me and you", ("llm.example.org",), {"api.anthropic.com": "http://127.0.0.1:1/base"})

    assert plan == read_plan(written(plan))
    assert Plan() == read_plan(written(Plan()))


@pytest.mark.parametrize("text", ["anything", "route\nkeys=me", "route\ninstead=api.anthropic.com http://example.org"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_plan(text)


def test_hosts_are_those_of_the_types_and_of_the_configured_channels() -> None:
    channels = [
        Channel(name="own", type="openai", base_url="https://llm.example.org/v1"),
        Channel(name="here", type="openai", base_url="http://127.0.0.1:4000/v1"),
    ]

    hosts = providers(Plan(hosts=("more.example.org",)), channel_types().values(), channels).keys()

    assert {"api.anthropic.com", "api.openai.com", "api.deepseek.com", "generativelanguage.googleapis.com"} <= hosts
    assert {"llm.example.org", "more.example.org"} <= hosts
    assert {"127.0.0.1", "localhost", "", "example.org", "statsig.anthropic.com"}.isdisjoint(hosts)


@pytest.mark.parametrize(
    ("host", "method", "path", "leads_to", "protocol"),
    [
        ("api.anthropic.com", "POST", "/v1/messages", "/v1/messages", "anthropic/messages"),
        ("api.openai.com", "POST", "/v1/responses", "/v1/responses", "openai/responses"),
        ("api.deepseek.com", "POST", "/anthropic/v1/messages", "/anthropic/v1/messages", "anthropic/messages"),
        ("api.z.ai", "POST", "/api/anthropic/v1/messages", "/v1/messages", "anthropic/messages"),
        ("api.z.ai", "POST", "/api/paas/v4/chat/completions", "/v1/chat/completions", "openai/chat"),
        ("openrouter.ai", "POST", "/api/v1/chat/completions", "/v1/chat/completions", "openai/chat"),
        (
            "generativelanguage.googleapis.com", "POST", "/v1beta/models/gemini-2.5-pro:generateContent",
            "/v1beta/models/gemini-2.5-pro:generateContent", "gemini/generate_content",
        ),
    ],
)  # fmt: skip
def test_providers_paths_lead_to_the_gateways(host: str, method: str, path: str, leads_to: str, protocol: str) -> None:
    found = gateway_path(PLAIN[host], method, path, {})

    assert found is not None
    assert (leads_to, protocol) == (found[0], found[1].protocol.name)


@pytest.mark.parametrize("path", ["/api/oauth/usage", "/", "/v1/messages/batches", "/admin", "/health"])
def test_what_the_gateway_does_not_know_leads_nowhere(path: str) -> None:
    assert gateway_path(PLAIN["api.anthropic.com"], "POST", path, {}) is None
