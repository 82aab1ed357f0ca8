"""Addon: upstreams inside this process, on a loopback port that the system picks.

They answer only to requests that carry the process's own random token, so they are no way around authentication. The
gateway reaches them like any provider, which is why streaming, failover and inspection work for them too.
"""

import contextlib
import hmac
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any

import uvicorn
from mitmproxy.utils import asyncio_utils
from pydantic import SecretStr

logger = logging.getLogger(__name__)

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[Message, Receive, Send], Awaitable[None]]
"""ASGI 3: https://asgi.readthedocs.io/en/latest/specs/www.html, read 2026-11."""

_TOKEN_HEADER = b"x-axonhub-process-token"


class Internal:
    def __init__(self, applications: Mapping[str, Application]) -> None:
        """`applications` by name; each is mounted at `/<name>`."""
        self.token = SecretStr(secrets.token_urlsafe(32))
        self._applications = applications
        self._socket: socket.socket | None = None
        self._server: _Server | None = None

    def base_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._listening().getsockname()[1]}/{name}"

    def running(self) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        config = uvicorn.Config(
            self._guarded,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
        )
        self._server = _Server(config)
        serving = self._server.serve(sockets=[self._listening()])
        asyncio_utils.create_task(serving, name="internal upstreams", keep_ref=True)

    def done(self) -> None:
        if self._server:
            self._server.should_exit = self._server.force_exit = True

    def _listening(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_server(("127.0.0.1", 0))
        return self._socket

    async def _guarded(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        shown = dict(scope["headers"]).get(_TOKEN_HEADER, b"")
        name, _, path = scope["path"].removeprefix("/").partition("/")
        application = self._applications.get(name)
        if application is None or not hmac.compare_digest(shown, self.token.get_secret_value().encode()):
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"This port belongs to the gateway itself.\n"})
            return
        await application({**scope, "path": f"/{path}"}, receive, send)


class _Server(uvicorn.Server):
    """Signals are mitmproxy's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
