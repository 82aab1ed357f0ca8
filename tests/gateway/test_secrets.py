"""Neither a caller's key nor a channel's credential is written anywhere."""

import json
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.gateway.conftest import (
    ANTHROPIC_CREDENTIAL,
    CALLER_KEY,
    CHAT_CREDENTIAL,
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    ask_chat,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.process import Gateway
from tests.upstreams.server import json_reply

SECRETS = (CALLER_KEY, ANTHROPIC_CREDENTIAL, CHAT_CREDENTIAL)
WEB_PASSWORD = "the-password-of-this-test"


def secrets_in(data: bytes) -> list[str]:
    return [secret for secret in SECRETS if secret.encode() in data]


def use_every_path(gateway: Gateway, upstreams: Upstreams) -> None:
    """Pass-through, conversion, every place of a key, refusals of ours and of the provider."""
    for place in (("x-api-key", CALLER_KEY), ("authorization", f"Bearer {CALLER_KEY}"), ("x-goog-api-key", CALLER_KEY)):
        for body in (messages_body(), messages_body("gpt-4.1"), messages_body("unheard-of"), b"{"):
            headers = (place, ("anthropic-version", "2023-06-01"), ("content-type", "application/json"))
            gateway.call("POST", "/anthropic/v1/messages", headers, body)
    ask_chat(gateway)
    ask_anthropic(gateway, key=f"{CALLER_KEY}-mistyped")
    gateway.call("GET", f"/gemini/v1beta/models?key={CALLER_KEY}")
    gateway.call("GET", f"/v1/models?key={CALLER_KEY}")
    gateway.call("GET", f"/nowhere/{'x' * 10}?key={CALLER_KEY}")
    for status in (400, 401, 403, 500):
        upstreams.anthropic.script = upstreams.chat.script = lambda request, status=status: json_reply(  # type: ignore[misc]
            status, {"type": "error", "error": {"type": "authentication_error", "message": f"no {status}"}}
        )
        ask_anthropic(gateway)
        ask_anthropic(gateway, body=messages_body("gpt-4.1"))


@pytest.mark.parametrize("way", ["mitmdump", "serve"])
def test_no_secret_in_store_log_and_saved_flows(
    start: StartGateway, upstreams: Upstreams, tmp_path: Path, way: str
) -> None:
    flows = tmp_path / "flows"
    saving = ["-w", str(flows)] if way == "mitmdump" else []
    config = config_of([anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)])
    gateway = start(config, way=way, arguments=saving)

    use_every_path(gateway, upstreams)
    gateway.stop()

    written = [file for file in (gateway.folder / "store").rglob("*") if file.is_file()]
    assert written != []
    for file in [*written, gateway.log_file, *([flows] if saving else [])]:
        assert secrets_in(file.read_bytes()) == [], file
    if saving:
        assert flows.stat().st_size > 0


def test_no_secret_in_the_file_names_of_the_store(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of([anthropic_channel(upstreams.anthropic)]))

    ask_anthropic(gateway)
    gateway.stop()

    names = "\n".join(str(file) for file in gateway.folder.rglob("*"))
    assert secrets_in(names.encode()) == []


@pytest.mark.parametrize("way", ["mitmweb", "web"])
def test_no_secret_in_what_mitmweb_shows(start: StartGateway, upstreams: Upstreams, way: str) -> None:
    channels = [anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)]
    gateway = start(config_of(channels, inspection={"web_password": WEB_PASSWORD}), way=way)

    use_every_path(gateway, upstreams)
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    address = f"http://127.0.0.1:{gateway.web_port}"
    opener.open(f"{address}/?token={WEB_PASSWORD}", timeout=10).read()
    flows = opener.open(f"{address}/flows", timeout=10).read()
    shown = json.loads(flows)

    assert len(shown) >= 10
    assert secrets_in(flows) == []
    for flow in shown:
        for part in ("request", "response"):
            content = opener.open(f"{address}/flows/{flow['id']}/{part}/content.data", timeout=10).read()
            assert secrets_in(content) == []


def test_config_check_shows_no_secret(start: StartGateway, upstreams: Upstreams) -> None:
    gateway = start(config_of([anthropic_channel(upstreams.anthropic)]))

    for arguments in (
        ["check"],
        ["check", "--json"],
        ["channel", "list"],
        ["channel", "list", "--json"],
        ["key", "list"],
    ):
        shown = gateway.command(*arguments)
        assert shown.returncode == 0, shown.stderr
        assert secrets_in((shown.stdout + shown.stderr).encode()) == []
    assert "first" in gateway.command("channel", "list").stdout
