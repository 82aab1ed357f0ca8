"""How commands reach what they change: the admin API of the gateway that runs, else its state file.

Both ways give the same documents and refuse the same things.
"""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, SecretStr

from axonhub.addons.config import Config
from axonhub.addons.config.process import process_environ
from axonhub.addons.reading import admin_token, load
from axonhub.addons.runtime.changes import Changes
from axonhub.addons.runtime.refusals import Refused
from axonhub.addons.terminal import CommandFailed
from axonhub.addons.trials import Door

_SCRIPT = Path(__file__).with_name("axonhub.py")
_TIMEOUT_S = 600.0
_START_TIMEOUT_S = 30.0
_EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Reach:
    declared: Config
    """config.yml alone."""
    config_path: Path | None

    @classmethod
    def of(cls, config_path: Path | None) -> "Reach":
        return cls(load(config_path).config, config_path)

    @property
    def address(self) -> tuple[str, int]:
        server = self.declared.server
        return ("127.0.0.1" if server.host in _EVERYWHERE else server.host), server.port

    def change(self, method: str, path: str, document: object, beside: Callable[[Changes], BaseModel | None]) -> Any:
        """The document that comes back; `beside` does the same where no gateway runs. CommandFailed."""
        if self.runs():
            return self.call(method, path, document)
        changes = Changes(lambda: self.declared, lambda: self.declared.store.path)
        try:
            view = beside(changes)
        except Refused as refused:
            raise CommandFailed(refused.message) from refused
        return None if view is None else view.model_dump(mode="json")

    def runs(self) -> bool:
        try:
            with socket.create_connection(self.address, 1.0):
                return True
        except OSError:
            return False

    def token(self) -> SecretStr:
        found = admin_token(self.declared)
        if found is None:
            raise CommandFailed("the admin token is not known here: no gateway has run with this store yet")
        return found

    def call(self, method: str, path: str, document: object = None) -> Any:
        connection = HTTPConnection(*self.address, timeout=_TIMEOUT_S)
        headers = {"authorization": f"Bearer {self.token().get_secret_value()}", "content-type": "application/json"}
        try:
            body = None if document is None else orjson.dumps(document)
            connection.request(method, f"{self.declared.server.base_path}/admin/api{path}", body, headers)
            response = connection.getresponse()
            told = response.read()
            answer = orjson.loads(told) if told else None
        except (OSError, HTTPException, orjson.JSONDecodeError) as error:
            host, port = self.address
            raise CommandFailed(f"what listens at {host}:{port} does not answer like a gateway") from error
        finally:
            connection.close()
        if response.status >= 300:
            raise CommandFailed(_words(response.status, answer))
        return answer


def _words(status: int, answer: object) -> str:
    match answer:
        case {"error": {"message": str(message)}}:
            return message
    return f"the gateway answered with status {status}"


@contextmanager
def passing_gateway(reach: Reach) -> Iterator[Door]:
    """A gateway for one command, where none runs: on a free port, with the same configuration and store."""
    from axonhub.addons.launch import PLACEHOLDER  # with mitmproxy, which takes a second to import

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = reach.declared.server.admin.token.get_secret_value() or secrets.token_urlsafe(32)
    arguments = ["-q", "--mode", PLACEHOLDER, "--listen-host", "127.0.0.1", "--listen-port", str(port)]
    arguments += ["-s", str(_SCRIPT)]
    arguments += ["--set", f"axonhub_config={reach.config_path}"] if reach.config_path else []
    program = f"from mitmproxy.tools.main import mitmdump; mitmdump({arguments!r})"
    environment: Mapping[str, str] = {**process_environ(), "AXONHUB_ADMIN_TOKEN": token}
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(process, port, reach.declared.server.base_path)
        yield Door("127.0.0.1", port, reach.declared.server.base_path, SecretStr(token))
    finally:
        process.terminate()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, base_path: str) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", f"{base_path}/health")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    raise CommandFailed("no gateway runs, and none could be started for this: try `axonhub serve`")
