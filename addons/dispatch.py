"""Which addon listens to which hook, as a table; and hooks that run where they arise, without a task of their own.

mitmproxy asks each of its 35 addons at each hook, twice, and starts an asyncio task for that. With a table and a call
in place most of this cost goes away. Who hears what, in which order, and what an error does is as in mitmproxy.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from inspect import isawaitable, iscoroutine
from typing import Any, Self, cast

from mitmproxy import exceptions, hooks
from mitmproxy.addonmanager import AddonManager, safecall, traverse
from mitmproxy.flow import Flow
from mitmproxy.proxy.commands import StartHook

type Listener = Callable[..., object]
type Rest = Coroutine[Any, Any, None]


@dataclass
class RestHook(StartHook):
    """What is left of a hook when one of its listeners must be awaited."""

    hook: StartHook
    rest: Rest

    @classmethod
    def of(cls, hook: StartHook, rest: Rest) -> Self:
        """Blocks whom the hook itself would have blocked."""
        found = cls(hook, rest)
        found.blocking = hook.blocking
        return found

    def args(self) -> list[object]:
        return self.hook.args()


class Dispatch(AddonManager):
    """Looks the listeners of a hook up."""

    _listeners: dict[str, list[Listener]]

    def forget(self) -> None:
        """Something about who listens has changed."""
        self._listeners = {}

    def register(self, addon: object) -> object:
        self.forget()
        registered: object = super().register(addon)  # type: ignore[no-untyped-call]  # mitmproxy
        return registered

    def remove(self, addon: object) -> None:
        self.forget()
        super().remove(addon)  # type: ignore[no-untyped-call]  # mitmproxy

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        rest = event.rest if isinstance(event, RestHook) else self.begin(event)
        if rest is not None:
            await rest

    async def trigger_event(self, event: hooks.Hook) -> None:
        rest = self._begin(event.name, event.args())
        if rest is not None:
            await rest

    def begin(self, event: hooks.Hook) -> Rest | None:
        """Runs a hook, and the `update` that follows a flow's, as far as that goes without waiting; None: all done."""
        arguments = _arguments(event)
        rest = self._begin(event.name, arguments)
        message = arguments[0]
        if not isinstance(message, Flow):
            return rest
        if rest is not None:
            return self._end(rest, message)
        rest = self._update(message)
        return _nothing() if rest is None and message.intercepted else rest

    async def _end(self, rest: Rest, message: Flow) -> None:
        await rest
        update = self._update(message)
        if update is not None:
            await update

    def _update(self, message: Flow) -> Rest | None:
        return self._begin("update", ([message],)) if self._listening("update") else None

    def _begin(self, name: str, arguments: Sequence[object]) -> Rest | None:
        listeners = iter(self._listening(name))
        awaited = _run(listeners, arguments)
        return None if awaited is None else _finish(listeners, arguments, awaited)

    def _listening(self, name: str) -> list[Listener]:
        if name not in self._listeners:
            found = (getattr(each, name, None) for each in traverse(self.chain))
            self._listeners[name] = [listener for listener in found if callable(listener)]
        return self._listeners[name]


def _arguments(event: hooks.Hook) -> list[Any]:
    """What `event.args()` gives: mitmproxy asks its class for its fields each time."""
    own = vars(event)
    return [own[name] for name in _field_names(cast(Any, type(event)))]


@cache
def _field_names(hook: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(hook))


def use_table(manager: AddonManager) -> None:
    """Lets mitmproxy's own manager, as it stands, look its listeners up."""
    if type(manager) is AddonManager:
        manager.__class__ = Dispatch
        cast(Dispatch, manager).forget()


def _run(listeners: Iterator[Listener], arguments: Sequence[object]) -> Awaitable[object] | None:
    """Calls one after the other; stops at one that must be waited for, and gives that back."""
    while True:
        try:
            for listener in listeners:
                result = listener(*arguments)
                if result is not None and isawaitable(result) and (awaited := _advanced(result)) is not None:
                    return awaited
            return None
        except exceptions.AddonHalt:
            return None
        except Exception as error:
            with safecall():  # says so in the log; then the next listener is called
                raise error


def _advanced(awaited: Awaitable[object]) -> Awaitable[object] | None:
    """Most coroutines end without waiting for anything; None for these. Raises what they raise."""
    if not iscoroutine(awaited):
        return awaited
    task = asyncio.Task(awaited, loop=asyncio.get_running_loop(), eager_start=True)
    if not task.done():
        return task
    task.result()
    return None


async def _finish(listeners: Iterator[Listener], arguments: Sequence[object], awaited: Awaitable[object]) -> None:
    waiting: Awaitable[object] | None = awaited
    try:
        while waiting is not None:
            with safecall():
                await waiting
            waiting = _run(listeners, arguments)
    except exceptions.AddonHalt:
        return


async def _nothing() -> None:
    """For a flow that somebody holds back: mitmproxy waits after the hook."""
