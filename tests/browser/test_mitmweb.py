"""The real mitmweb in a real browser: what a person sees of a request, and may do to it."""

import json
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import browser
from tests.browser.window import Window
from tests.gateway.conftest import (  # noqa: F401  # fixtures, and what they need
    CALLER_KEY,
    MAPPED,
    MAPPED_KEY,
    StartGateway,
    Upstreams,
    anthropic_channel,
    api_key,
    ask_anthropic,
    chat_channel,
    config_of,
    gateway_home,
    messages_body,
    standing_upstreams,
    start_for_module,
    upstreams,
)
from tests.gateway.mitmweb import PASSWORD, Mitmweb
from tests.gateway.process import PATIENCE_S, Gateway

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


@pytest.fixture(scope="module", params=["web", "mitmweb"])
def standing(
    request: pytest.FixtureRequest,
    chromium: Browser,
    start_for_module: StartGateway,  # noqa: F811
    standing_upstreams: Upstreams,  # noqa: F811
) -> Gateway:
    """Both ways to start mitmweb."""
    channels = [anthropic_channel(standing_upstreams.anthropic), chat_channel(standing_upstreams.chat)]
    config = config_of(channels, [api_key(), MAPPED], inspection={"web_password": PASSWORD})
    return start_for_module(config, way=request.param)


@pytest.fixture
def window(chromium: Browser, standing: Gateway, upstreams: Upstreams) -> Iterator[Window]:  # noqa: F811
    opened = Window(chromium, standing.web_port, PASSWORD)
    yield opened
    opened.page.close()


def test_list_and_views_tell_of_a_converted_stream(window: Window, standing: Gateway) -> None:
    answer = ask_anthropic(standing, MAPPED_KEY, messages_body(stream=True))
    assert (200, "second") == (answer.status, answer.header("x-axonhub-channel"))

    row = window.row("claude-sonnet-4-5 → deepseek-reasoner")
    expect(row).to_contain_text("mapped · claude-sonnet-4-5 → deepseek-reasoner · second")
    window.open("claude-sonnet-4-5 → deepseek-reasoner")
    expect(window.text).to_contain_text("asks deepseek-reasoner")

    window.tab("Response")
    expect(window.text).to_contain_text("Said by Chat.")
    expect(window.text).to_contain_text("re-assembled from")

    window.tab("Request")
    window.view("llm-rewrite")
    expect(window.text).to_contain_text("deepseek: claude-sonnet-4-5 → deepseek-reasoner")
    expect(window.text).to_contain_text("anthropic/messages → openai/chat")


def test_comment_has_room_to_be_read(window: Window, standing: Gateway) -> None:
    ask_anthropic(standing, MAPPED_KEY, messages_body(stream=True))

    box = window.row("deepseek-reasoner").locator("td.col-comment").bounding_box()

    assert box is not None
    assert box["width"] > 600


@pytest.mark.parametrize("expression", ["~comment second", "~hs x-axonhub-channel:.second"])
def test_flows_are_found_by_their_channel(window: Window, standing: Gateway, expression: str) -> None:
    answers = [ask_anthropic(standing, key) for key in (MAPPED_KEY, CALLER_KEY)]
    assert ["second", "first"] == [each.header("x-axonhub-channel") for each in answers]
    expect(window.row("first")).to_be_visible()

    window.search(expression)

    expect(window.row("me · ")).to_have_count(0)
    expect(window.row("mapped · ")).to_be_visible()


def test_request_is_paused_edited_and_resumed(window: Window, standing: Gateway, upstreams: Upstreams) -> None:  # noqa: F811
    window.intercept("~q")
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(ask_anthropic(standing).status))
    asking.start()
    try:
        expect(window.page.locator("tr.intercepted")).to_have_count(1)
        window.page.locator("tr.intercepted td.col-comment").click()
        window.edit({'"hello"': '"changed in the browser"', "claude-sonnet-4-5": "claude-haiku-4-5"})
        window.resume()
        asking.join(PATIENCE_S)
    finally:
        window.intercept("")

    assert [200] == answers
    sent = json.loads(upstreams.anthropic.only.body)
    assert "claude-haiku-4-5" == sent["model"]
    assert "changed in the browser" == sent["messages"][0]["content"]
    expect(window.row("edited")).to_be_visible()


def test_replay_is_a_flow_of_its_own_that_names_the_first(window: Window, standing: Gateway) -> None:
    first = ask_anthropic(standing).header("x-axonhub-request-id")
    ask_anthropic(standing, MAPPED_KEY)
    expect(window.row("mapped · ")).to_be_visible()

    Mitmweb(standing).command("axonhub.replay", f"~meta id:{first}", "channel=second", "model=deepseek-chat")

    assert first
    replayed = window.row(f"replay of {first}")
    expect(replayed).to_contain_text("deepseek-chat · second")
    expect(replayed.locator("td.col-status")).to_have_text("200")
