"""Four ways to run, one gateway: no port but its own, nothing reached without it, and a clean end."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.caller import calling
from tests.gateway.conftest import (
    ANTHROPIC_HEADERS,
    CALLER_KEY,
    StartGateway,
    Upstreams,
    anthropic_channel,
    api_key,
    ask_anthropic,
    ask_chat,
    chat_channel,
    config_of,
    messages_body,
)
from tests.gateway.network import loopback_only
from tests.gateway.process import ROOT, WAYS, Config, start_gateway
from tests.upstreams.anthropic import anthropic
from tests.upstreams.chat import chat
from tests.upstreams.plan import Turn
from tests.upstreams.plans import say
from tests.upstreams.rules import Refusal
from tests.upstreams.server import Hold, Reply, Upstream, event_stream

DEFAULT_PORTS = (8080, 8081)
DEMO = {"name": "demo", "type": "demo", "supported_models": ["*"], "priority": 9}


@pytest.fixture
def config(upstreams: Upstreams) -> Config:
    return config_of([anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat), DEMO])


def occupied(port: int) -> socket.socket:
    """Takes the port, unless it is taken already: that will do as well."""
    with contextlib.suppress(OSError):
        return socket.create_server(("127.0.0.1", port))
    return socket.socket()


WRITES_BINDS_DOWN = """
import os, sys
def hook(event, arguments):
    if event == "socket.bind":
        with open(os.environ["BINDS"], "a") as file:
            file.write(repr(arguments[1]) + "\\n")
sys.addaudithook(hook)
"""
"""A sitecustomize module: the interpreter itself tells each bind() by Python code."""


@pytest.mark.parametrize("way", WAYS)
def test_every_way_serves_all_channels_and_binds_no_default_port(start: StartGateway, tmp_path: Path, way: str) -> None:
    """The ports that mitmproxy would take by itself are taken by somebody else."""
    network = loopback_only()
    taken = [network.inside(occupied, port) for port in DEFAULT_PORTS]
    (tmp_path / "sitecustomize.py").write_text(WRITES_BINDS_DOWN)
    refusals: list[Refusal] = []
    with (
        Upstream(anthropic(say("Said by Anthropic."), refusals), network.listener()) as first,
        Upstream(chat(say("Said by Chat."), refusals), network.listener()) as second,
    ):
        gateway = start(
            config_of([anthropic_channel(first), chat_channel(second), DEMO]),
            way=way,
            network=network,
            environment={"PYTHONPATH": str(tmp_path), "BINDS": str(tmp_path / "binds")},
        )
        passed = ask_anthropic(gateway)
        converted = ask_anthropic(gateway, body=messages_body("gpt-4.1"))
        same = ask_chat(gateway)
        demo = ask_anthropic(gateway, body=messages_body("claude-anything"))
        gateway.stop()

    assert [answer.status for answer in (passed, converted, same, demo)] == [200, 200, 200, 200]
    channels = [answer.header("x-axonhub-channel") for answer in (passed, converted, same, demo)]
    assert channels == ["first", "second", "second", "demo"]
    assert b"Said by Anthropic." in passed.body
    assert b"Said by Chat." in converted.body
    assert refusals == []
    binds = (tmp_path / "binds").read_text()
    for listener in taken:
        listener.close()
    for port in DEFAULT_PORTS:
        assert f", {port}" not in binds
        assert f":{port}" not in gateway.log()


@pytest.mark.parametrize("way", ["mitmdump", "mitmweb"])
def test_explicit_flag_wins_over_the_file(start: StartGateway, config: Config, way: str) -> None:
    network = loopback_only()
    wanted, other = network.free_port(), network.free_port()
    config["server"] = {"port": other}

    gateway = start(config, way=way, network=network, arguments=["--listen-port", str(wanted)], port=wanted)

    assert gateway.call("GET", "/health").status == 200
    gateway.port = other
    with pytest.raises(OSError, match="refused"):
        gateway.call("GET", "/health")


@pytest.mark.parametrize("way", ["mitmdump", "serve"])
def test_running_stream_is_finished_before_the_end(
    start: StartGateway, config: Config, upstreams: Upstreams, way: str
) -> None:
    gateway = start(config, way=way)
    release = threading.Event()
    upstreams.anthropic.script = held_in_the_middle(upstreams, release)
    body = messages_body(stream=True)
    with calling(gateway.port, "POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, body) as live:
        live.until(b"message_start")
        gateway.terminate()
        gateway.wait_until(lambda: not takes_connections(gateway.port), "no new connections are taken")
        release.set()
        rest = live.rest()
    gateway.stop()

    assert b"message_stop" in rest


@pytest.mark.parametrize("way", ["mitmdump", "serve"])
def test_end_may_be_wanted_as_soon_as_the_port_listens(
    config: Config, tmp_path: Path, gateway_home: Path, way: str
) -> None:
    """Not all has begun by then."""
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        gateway = start_gateway(
            config, way=way, folder=folder, home=gateway_home, ready=lambda started: takes_connections(started.port)
        )
        gateway.stop()
        assert gateway.process.returncode == 0
        assert not takes_connections(gateway.port)


def held_in_the_middle(upstreams: Upstreams, release: threading.Event) -> Callable[[object], Reply]:
    whole = anthropic(lambda conversation: Turn(text="The last words."), upstreams.refusals)

    def slow(request: object) -> Reply:
        reply = whole(request)  # type: ignore[arg-type]
        assert isinstance(reply, Reply)
        assert not isinstance(reply.body, bytes)
        head, *rest = reply.body
        return event_stream([head, Hold(release), *rest])

    return slow


@pytest.mark.parametrize("broken", [False, True], ids=["good edit", "broken edit"])
def test_stream_of_before_an_edit_of_the_script_is_finished_and_holds_nobody_up(
    start: StartGateway, config: Config, upstreams: Upstreams, tmp_path: Path, broken: bool
) -> None:
    checkout = copy_of_the_checkout(tmp_path)
    script = checkout / "addons" / "axonhub.py"
    gateway = start(config, checkout=checkout)
    gateway.expected_faults += ["Traceback (most recent call last)", "Addon error"] if broken else []
    release = threading.Event()
    upstreams.anthropic.script = held_in_the_middle(upstreams, release)
    loaded = gateway.log().count("Loading script")
    body = messages_body(stream=True)
    with calling(gateway.port, "POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, body) as live:
        live.until(b"message_start")
        script.write_text("this is no Python\n" if broken else f"{script.read_text()}\n# edited\n")
        gateway.wait_until(lambda: gateway.log().count("Loading script") > loaded, "the script is loaded again")
        gateway.terminate()
        gateway.wait_until(lambda: not takes_connections(gateway.port), "no new connections are taken")
        release.set()
        rest = live.rest()
    gateway.stop()

    assert b"message_stop" in rest
    assert "did not finish in time" not in gateway.log()


def takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("way", ["mitmdump", "mitmweb"])
def test_broken_script_reaches_no_upstream(start: StartGateway, tmp_path: Path, way: str) -> None:
    """mitmproxy takes a script's addons away when its file changes, before it sees that the new one is broken."""
    checkout = copy_of_the_checkout(tmp_path)
    script = checkout / "addons" / "axonhub.py"
    with Upstream(anthropic(lambda conversation: Turn(text="hi"), [])) as upstream:
        gateway = start(config_of([anthropic_channel(upstream)]), way=way, checkout=checkout)
        gateway.expected_faults += ["Traceback (most recent call last)", "Addon error"]
        assert ask_anthropic(gateway).status == 200

        script.write_text("this is no Python\n")
        gateway.wait_until(lambda: is_refused(gateway.port), "the broken script is noticed")
        upstream.forget()

        for target in (
            "/anthropic/v1/messages",
            "/v1/chat/completions",
            f"http://127.0.0.1:{upstream.port}/v1/messages",
        ):
            assert not answers_well(gateway.port, target)
        assert upstream.requests == []
        assert upstream.connections == 0


def copy_of_the_checkout(folder: Path) -> Path:
    checkout = folder / "checkout"
    for part in ("addons", "transformers"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    return checkout


def is_refused(port: int) -> bool:
    return not answers_well(port, "/anthropic/v1/messages")


def answers_well(port: int, target: str) -> bool:
    """Any failure will do, also none at all to talk to."""
    try:
        with calling(port, "POST", target, ANTHROPIC_HEADERS, messages_body()) as live:
            return live.status < 400
    except OSError:
        return False


def test_good_edit_of_the_script_goes_on_serving(start: StartGateway, tmp_path: Path) -> None:
    checkout = copy_of_the_checkout(tmp_path)
    script = checkout / "addons" / "axonhub.py"
    with Upstream(anthropic(lambda conversation: Turn(text="hi"), [])) as upstream:
        gateway = start(config_of([anthropic_channel(upstream)]), checkout=checkout)
        before = gateway.log().count("Loading script")

        for number in range(2):
            script.write_text(f"{script.read_text()}\n# edit {number}\n")
            gateway.wait_until(
                lambda seen=before + number: gateway.log().count("Loading script") > seen,  # type: ignore[misc]
                "the script is loaded again",
            )
            gateway.wait_until(lambda: not is_refused(gateway.port), "it serves again")

        assert ask_anthropic(gateway).status == 200


def test_bad_edit_of_the_config_keeps_the_old_one(start: StartGateway, config: Config) -> None:
    gateway = start(config)
    good = gateway.config_file.read_text()

    gateway.config_file.write_text(good + "\nchanels: []\n")

    gateway.wait_until(lambda: "chanels" in gateway.log(), "the log says why")
    assert ask_anthropic(gateway).status == 200


def test_broken_yaml_keeps_the_old_config(start: StartGateway, config: Config) -> None:
    gateway = start(config)

    gateway.config_file.write_text("server: [\n")

    gateway.wait_until(lambda: "config.yml" in gateway.log(), "the log says why")
    assert ask_anthropic(gateway).status == 200


def test_running_stream_ends_with_the_config_it_began_with(
    start: StartGateway, config: Config, upstreams: Upstreams
) -> None:
    gateway = start(config)
    release = threading.Event()
    upstreams.anthropic.script = lambda request: event_stream([START, Hold(release), END])
    body = messages_body(stream=True)
    with calling(gateway.port, "POST", "/anthropic/v1/messages", ANTHROPIC_HEADERS, body) as live:
        live.until(b"message_start")
        gateway.edit(channels=[DEMO])
        other = messages_body("gpt-4.1")
        gateway.wait_until(
            lambda: ask_anthropic(gateway, body=other).header("x-axonhub-channel") == "demo", "the edit is used"
        )
        release.set()
        rest = live.rest()

    assert rest == END


END = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":1}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
)
START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
)


def test_new_key_opens_and_removed_key_shuts_without_restart(start: StartGateway, config: Config) -> None:
    gateway = start(config)

    gateway.edit(api_keys=[api_key(key="ah-new-key")])

    gateway.wait_until(lambda: ask_anthropic(gateway, "ah-new-key").status == 200, "the new key opens")
    assert ask_anthropic(gateway, CALLER_KEY).status == 401


def test_environment_outranks_the_file(start: StartGateway, config: Config) -> None:
    config["api_keys"] = [api_key(key="${THE_KEY}")]

    gateway = start(config, environment={"THE_KEY": "ah-from-outside"})

    assert ask_anthropic(gateway, "ah-from-outside").status == 200


def test_channel_whose_variable_is_unset_waits_and_says_so(start: StartGateway, upstreams: Upstreams) -> None:
    waiting = anthropic_channel(upstreams.anthropic, name="waiting", api_keys=["${A_VARIABLE_THAT_IS_UNSET}"])
    gateway = start(config_of([waiting, DEMO]))

    answer = ask_anthropic(gateway)

    assert answer.header("x-axonhub-channel") == "demo"
    assert "A_VARIABLE_THAT_IS_UNSET" in gateway.log()
    assert "waiting" in gateway.log()
