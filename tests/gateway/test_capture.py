"""The capturing proxy: providers' hosts are routed or observed, all others stay closed; no credential is kept."""

import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import caller
from tests.gateway.caller import PATIENCE_S
from tests.gateway.conftest import (
    ANTHROPIC_CREDENTIAL,
    CALLER_KEY,
    StartGateway,
    Upstreams,
    anthropic_channel,
    api_key,
    config_of,
    messages_body,
)
from tests.gateway.network import MACHINE
from tests.gateway.process import Gateway
from tests.upstreams.certificates import make_authority
from tests.upstreams.server import Reply, Upstream, json_reply

OWN_CREDENTIAL = "sk-ant-oat01-the-callers-own-credential"
HOST = "api.anthropic.com"
WEB_PASSWORD = "the-password-of-this-test"


@pytest.fixture
def capture(start: StartGateway, upstreams: Upstreams) -> Any:
    def start_one(*arguments: str, way: str = "serve", **more: object) -> tuple[Gateway, int]:
        port = MACHINE.free_port()
        flags = [
            "--capture",
            "--capture-port",
            str(port),
            "--capture-instead",
            f"{HOST}={upstreams.chat.url}",
            *arguments,
        ]
        config = config_of([anthropic_channel(upstreams.anthropic)], [api_key()], **more)
        return start(config, way=way, arguments=flags), port

    return start_one


@contextmanager
def tunnel(port: int, host: str, target_port: int = 443) -> Iterator[socket.socket]:
    """As a client with HTTPS_PROXY opens it."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(f"CONNECT {host}:{target_port} HTTP/1.1\r\nHost: {host}:{target_port}\r\n\r\n".encode())
        head = connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 200"), head
        yield connection


def ask(
    gateway: Gateway, port: int, path: str, headers: Sequence[tuple[str, str]], body: bytes = b"", method: str = "POST"
) -> tuple[bytes, bytes]:
    """Head and body of the answer, from inside a tunnel, trusting mitmproxy's authority as NODE_EXTRA_CA_CERTS does."""
    authority = Path(gateway.environment["HOME"]) / ".mitmproxy" / "mitmproxy-ca-cert.pem"
    context = ssl.create_default_context(cafile=str(authority))
    fields = [("host", HOST), ("content-length", str(len(body))), ("connection", "close"), *headers]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    with tunnel(port, HOST) as plain, context.wrap_socket(plain, server_hostname=HOST) as secured:
        secured.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = b"".join(iter(lambda: secured.recv(65536), b""))
    head_bytes, _, rest = answer.partition(b"\r\n\r\n")
    return head_bytes, rest


OWN = (
    ("authorization", f"Bearer {OWN_CREDENTIAL}"),
    ("anthropic-version", "2023-06-01"),
    ("cookie", "session=own-cookie"),
)


def kept_nowhere(gateway: Gateway, *secrets: str) -> None:
    files = [file for file in gateway.folder.rglob("*") if file.is_file() and file.name != "config.yml"]
    assert files
    for file in files:
        assert [] == [secret for secret in secrets if secret.encode() in file.read_bytes()], file


def last_record(gateway: Gateway) -> dict[str, Any]:
    def listed() -> list[dict[str, Any]]:
        return json.loads(gateway.command("trace", "list", "--json").stdout)  # type: ignore[no-any-return]

    gateway.wait_until(lambda: any(each["outcome"] != "running" for each in listed()), "a record")
    return listed()[0]


@pytest.mark.parametrize("way", ["serve", "web"])
def test_request_to_a_provider_is_routed_by_the_gateway(capture: Any, upstreams: Upstreams, way: str) -> None:
    """The caller's own credential is exchanged for the channel's, and goes nowhere."""
    gateway, port = capture(way=way)

    head, body = ask(gateway, port, "/v1/messages?beta=true", OWN, messages_body())

    assert head.startswith(b"HTTP/1.1 200") and b"Said by Anthropic." in body
    sent = upstreams.anthropic.only
    assert (ANTHROPIC_CREDENTIAL, None, None) == tuple(map(sent.header, ("x-api-key", "authorization", "cookie")))
    assert messages_body() == sent.body
    assert ("me", "first", "api") == tuple(last_record(gateway)[name] for name in ("key_name", "channel", "source"))
    gateway.stop()
    kept_nowhere(gateway, OWN_CREDENTIAL, "own-cookie", CALLER_KEY, ANTHROPIC_CREDENTIAL)


def test_request_is_only_observed_when_told_so(capture: Any, upstreams: Upstreams) -> None:
    """It goes on with the caller's own credential, byte by byte, and is recorded without it."""
    gateway, port = capture("--observe")
    upstreams.chat.script, upstreams.anthropic.script = upstreams.anthropic.script, upstreams.chat.script

    head, body = ask(gateway, port, "/v1/messages?beta=true", OWN, messages_body(stream=True))

    assert head.startswith(b"HTTP/1.1 200") and b"message_stop" in body
    sent = upstreams.chat.only
    assert (f"Bearer {OWN_CREDENTIAL}", "session=own-cookie") == (sent.header("authorization"), sent.header("cookie"))
    assert (messages_body(stream=True), "/v1/messages?beta=true") == (sent.body, sent.target)
    record = last_record(gateway)
    assert ("observed", HOST, None) == tuple(record[name] for name in ("source", "channel", "key_name"))
    assert record["usage"]["output"] > 0
    assert [] == upstreams.anthropic.requests
    gateway.stop()
    kept_nowhere(gateway, OWN_CREDENTIAL, "own-cookie")


@pytest.mark.parametrize("observe", [(), ("--observe",)], ids=["routed", "observed"])
def test_what_else_a_tool_asks_of_the_host_passes_by(
    capture: Any, upstreams: Upstreams, observe: tuple[str, ...]
) -> None:
    gateway, port = capture(*observe)
    headers = (("content-type", "application/json"), ("set-cookie", "session=new-cookie"))
    told = Reply(200, headers, b'{"token":"new-token"}')
    upstreams.chat.script = lambda request: told

    head, body = ask(gateway, port, "/api/oauth/profile?x=1", OWN, b'{"refresh":"old-token"}')

    assert head.startswith(b"HTTP/1.1 200") and b"session=new-cookie" in head
    assert b"new-token" in body
    sent = upstreams.chat.only
    assert (f"Bearer {OWN_CREDENTIAL}", "/api/oauth/profile?x=1") == (sent.header("authorization"), sent.target)
    assert (b'{"refresh":"old-token"}', HOST) == (sent.body, sent.header("host"))
    gateway.stop()
    assert [] == json.loads(gateway.command("trace", "list", "--json").stdout)
    kept_nowhere(gateway, OWN_CREDENTIAL, "old-token", "new-token", "new-cookie")


def test_providers_failure_is_told_as_it_is_while_observing(capture: Any, upstreams: Upstreams) -> None:
    gateway, port = capture("--observe")
    envelope = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    upstreams.chat.script = lambda request: json_reply(529, envelope)

    head, body = ask(gateway, port, "/v1/messages", OWN, messages_body())

    assert head.startswith(b"HTTP/1.1 529")
    assert b"overloaded_error" in body
    assert 1 == len(upstreams.chat.requests)


def test_other_hosts_are_not_decrypted(capture: Any, tmp_path: Path) -> None:
    """The client sees the other host's own certificate, so nobody stands in between."""
    _, port = capture()
    authority = make_authority(tmp_path)
    head = b"GET /v1/messages HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\n\r\n"
    with Upstream(lambda request: Reply(body=b"from afar"), tls=authority.context("http/1.1")) as afar:
        context = ssl.create_default_context(cafile=str(authority.file))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the authority of the tests says no more than it must
        with tunnel(port, "127.0.0.1", afar.port) as plain:
            secured = context.wrap_socket(plain, server_hostname="127.0.0.1")
            secured.sendall(head)
            answer = secured.recv(65536)
            secured.close()

    assert answer.startswith(b"HTTP/1.1 200")
    assert "Bearer x" == afar.only.header("authorization")


def test_plain_http_is_refused(capture: Any, upstreams: Upstreams) -> None:
    _, port = capture()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(f"GET {upstreams.chat.url}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 403")
    assert b"HTTPS_PROXY" in answer
    assert upstreams.were_left_alone()


def test_gateways_own_port_works_beside_it_and_still_wants_a_key(capture: Any, upstreams: Upstreams) -> None:
    gateway, _ = capture()
    headers = (("anthropic-version", "2023-06-01"), ("content-type", "application/json"))

    with_key = gateway.call("POST", "/v1/messages", (("x-api-key", CALLER_KEY), *headers), messages_body())
    without = gateway.call("POST", "/v1/messages", headers, messages_body())

    assert (200, 401) == (with_key.status, without.status)
    assert 1 == len(upstreams.anthropic.requests)


def test_observing_without_capturing_is_refused(gateway: Gateway) -> None:
    ran = gateway.command("serve", "--observe")

    assert (1, "axonhub: --observe and --capture-local go with --capture\n") == (ran.returncode, ran.stderr)


@pytest.mark.parametrize("observe", [(), ("--observe",)], ids=["routed", "observed"])
def test_mitmweb_shows_no_credential_of_the_caller(
    capture: Any, upstreams: Upstreams, observe: tuple[str, ...]
) -> None:
    gateway, port = capture(*observe, way="web", inspection={"web_password": WEB_PASSWORD})
    if observe:
        upstreams.chat.script = upstreams.anthropic.script
    password = (("authorization", f"Bearer {WEB_PASSWORD}"),)

    asked = ask(gateway, port, "/v1/messages", OWN, messages_body())
    upstreams.chat.script = lambda request: json_reply(200, {"token": "new-token"})
    passed = ask(gateway, port, "/api/oauth/profile", OWN, b'{"refresh":"old-token"}')
    flows = caller.call(gateway.web_port, "GET", "/flows", password).body

    assert all(head.startswith(b"HTTP/1.1 200") for head, _ in (asked, passed))
    shown = [each for each in json.loads(flows) if each["request"]["method"] == "POST"]
    assert {"/v1/messages", "/api/oauth/profile"} <= {each["request"]["path"] for each in shown}
    assert [] == [secret for secret in (OWN_CREDENTIAL, "own-cookie") if secret.encode() in flows]

    def contents() -> bytes:
        places = [f"/flows/{each['id']}/{part}/content.data" for each in shown for part in ("request", "response")]
        return b"".join(caller.call(gateway.web_port, "GET", place, password).body for place in places)

    gateway.wait_until(lambda: b"old-token" not in contents(), "the body that only passed by is forgotten")
    assert b"new-token" not in contents()
