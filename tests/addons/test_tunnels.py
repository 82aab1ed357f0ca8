"""Which host a tunnel leads to, from the first bytes of whoever uses it."""

import contextlib
import ssl

from axonhub.addons.failover.tunnels import server_name


def hello(host: str | None) -> bytes:
    """A real client's first bytes."""
    context, incoming, outgoing = ssl.create_default_context(), ssl.MemoryBIO(), ssl.MemoryBIO()
    context.check_hostname = False
    client = context.wrap_bio(incoming, outgoing, server_hostname=host)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_tls_client_names_its_host() -> None:
    assert "api.anthropic.com" == server_name(hello("api.anthropic.com"))
    assert "" == server_name(hello(None))


def test_half_of_a_greeting_is_waited_for() -> None:
    whole = hello("api.anthropic.com")

    assert [None] * len(whole) == [server_name(whole[:length]) for length in range(len(whole))]


def test_what_is_not_tls_names_nobody() -> None:
    assert ["", ""] == [server_name(b"GET / HTTP/1.1\r\n"), server_name(b"\x16not tls at all, but it begins so")]
