"""What `axonhub serve` runs instead of an addon of mitmproxy's does what that does."""

from pathlib import Path

import pytest
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.test import taddons, tflow

from axonhub.addons.serving import Certificates


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    addon = Certificates()
    with taddons.context(addon) as context:
        context.configure(addon, confdir=str(tmp_path))
    return addon


def asked(addon: TlsConfig, path: str) -> tuple[int, bytes | None, str] | None:
    flow = tflow.tflow()
    flow.request.path = path
    addon.request(flow)
    found = flow.response
    return (found.status_code, found.content, found.headers["content-type"]) if found else None


def test_the_revocation_list_is_told(certificates: Certificates):
    path = certificates.crl_path()

    assert (200, certificates.certstore.default_crl, "application/pkix-crl") == asked(certificates, path)
    assert (200, certificates.certstore.default_crl, "application/pkix-crl") == asked(certificates, f"/below{path}")


@pytest.mark.parametrize("path", ["/", "/v1/messages?beta=true", "/mitmproxy-1.crl", "/another.crl", "/{}?x"])
def test_nothing_else_is(certificates: Certificates, path: str):
    assert asked(certificates, path.format(certificates.crl_path()[1:])) is None


def test_a_request_for_something_else_asks_nothing(certificates: Certificates, monkeypatch: pytest.MonkeyPatch):
    """The serial number takes OpenSSL longer than most listeners of ours."""
    monkeypatch.setattr(Certificates, "crl_path", lambda self: pytest.fail("asked"))

    assert asked(certificates, "/v1/messages") is None


def test_it_is_found_by_the_name_of_mitmproxys():
    with taddons.context(Certificates()) as context:
        assert isinstance(context.master.addons.get("tlsconfig"), TlsConfig)
