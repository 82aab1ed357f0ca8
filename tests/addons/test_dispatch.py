"""The table of listeners: order, errors, halts, listeners that wait, and what becomes of a flow that is held back."""

import asyncio
import logging

import pytest
from mitmproxy import exceptions, hooks, options
from mitmproxy.addonmanager import AddonManager
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import tflow

from axonhub.addons.dispatch import Dispatch, RestHook, use_table


class Listener:
    """Notes what it hears; what it does then is up to the test."""

    def __init__(self, name: str, heard: list[str]) -> None:
        self.name, self.heard = name, heard

    def request(self, flow: HTTPFlow) -> None:
        self.heard.append(f"{self.name} request")

    def update(self, flows: list[HTTPFlow]) -> None:
        self.heard.append(f"{self.name} update {len(flows)}")


class Failing(Listener):
    def request(self, flow: HTTPFlow) -> None:
        super().request(flow)
        raise RuntimeError("of its own")


class Halting(Listener):
    def request(self, flow: HTTPFlow) -> None:
        super().request(flow)
        raise exceptions.AddonHalt


class Waiting(Listener):
    async def request(self, flow: HTTPFlow) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.heard.append(f"{self.name} request, later")


class Ready(Listener):
    async def request(self, flow: HTTPFlow) -> object:  # type: ignore[override]
        self.heard.append(f"{self.name} request, at once")
        return self


class FailingLater(Listener):
    async def request(self, flow: HTTPFlow) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        raise RuntimeError("of its own")


class Master:
    """What an addon manager wants of one."""

    def __init__(self) -> None:
        self.options = options.Options()
        self.commands = self

    def collect_commands(self, addon: object) -> None:
        pass


def dispatch(*listeners: object) -> Dispatch:
    manager = AddonManager(Master())
    use_table(manager)
    assert isinstance(manager, Dispatch)
    manager.add(*listeners)
    return manager


def test_listeners_run_in_their_order_and_before_the_update() -> None:
    heard: list[str] = []

    assert dispatch(Listener("a", heard), Listener("b", heard)).begin(HttpRequestHook(tflow.tflow())) is None

    assert ["a request", "b request", "a update 1", "b update 1"] == heard


def test_error_of_one_listener_is_logged_and_the_next_one_hears(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    dispatch(Failing("a", heard), Listener("b", heard)).begin(HttpRequestHook(tflow.tflow()))

    assert ["a request", "b request"] == heard[:2]
    assert "Addon error: of its own" in caplog.text


def test_halt_keeps_the_hook_from_the_rest_but_not_the_update() -> None:
    heard: list[str] = []

    dispatch(Halting("a", heard), Listener("b", heard)).begin(HttpRequestHook(tflow.tflow()))

    assert ["a request", "a update 1", "b update 1"] == heard


def test_listener_that_waits_leaves_a_rest_in_which_all_others_still_hear() -> None:
    heard: list[str] = []
    manager = dispatch(Listener("a", heard), Waiting("b", heard), Listener("c", heard))

    async def play() -> list[str]:
        hook = HttpRequestHook(tflow.tflow())
        rest = manager.begin(hook)
        before = list(heard)
        assert rest is not None
        await manager.handle_lifecycle(RestHook.of(hook, rest))
        return before

    before = asyncio.run(play())

    assert ["a request"] == before
    assert ["a request", "b request, later", "c request", "a update 1", "b update 1", "c update 1"] == heard


def test_coroutine_that_need_not_wait_runs_at_once() -> None:
    heard: list[str] = []
    manager = dispatch(Ready("a", heard), Listener("b", heard))

    async def play() -> bool:
        return manager.begin(HttpRequestHook(tflow.tflow())) is None

    assert asyncio.run(play())
    assert ["a request, at once", "b request", "a update 1", "b update 1"] == heard


def test_error_after_waiting_is_logged_and_the_next_one_hears(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    asyncio.run(
        dispatch(FailingLater("a", heard), Listener("b", heard)).handle_lifecycle(HttpRequestHook(tflow.tflow()))
    )

    assert ["b request", "a update 1", "b update 1"] == heard
    assert "Addon error: of its own" in caplog.text


def test_flow_that_is_held_back_must_be_waited_for() -> None:
    flow = tflow.tflow()
    flow.intercepted = True

    rest = dispatch().begin(HttpRequestHook(flow))

    assert rest is not None
    rest.close()


def test_rest_is_about_the_same_flow_and_blocks_the_same_layer() -> None:
    flow = tflow.tflow()
    flow.intercepted = True
    hook = HttpRequestHook(flow)
    hook.blocking = "a layer"  # type: ignore[assignment]
    waiting = dispatch().begin(hook)
    assert waiting is not None

    rest = RestHook.of(hook, waiting)

    assert ([flow], "a layer") == (rest.args(), rest.blocking)
    waiting.close()


def test_listener_that_comes_or_goes_is_heeded() -> None:
    heard: list[str] = []
    first, second = Listener("a", heard), Listener("b", heard)
    manager = dispatch(first)
    manager.begin(HttpRequestHook(tflow.tflow()))

    manager.add(second)
    manager.begin(HttpRequestHook(tflow.tflow()))
    manager.remove(first)
    manager.begin(HttpRequestHook(tflow.tflow()))

    assert ["a request", "a request", "b request", "b request"] == [each for each in heard if "request" in each]


def test_hook_without_a_flow_has_no_update() -> None:
    heard: list[str] = []

    dispatch(Listener("a", heard)).begin(hooks.ConfigureHook(set()))

    assert [] == heard


@pytest.fixture(autouse=True)
def caught(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
