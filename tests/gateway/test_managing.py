"""The commands that make, switch and test: beside a running gateway and without one."""

import json

import pytest
import yaml

from tests.gateway.administrator import ADMIN_TOKEN
from tests.gateway.conftest import (
    StartGateway,
    Upstreams,
    anthropic_channel,
    ask_anthropic,
    ask_chat,
    chat_body,
    chat_channel,
    config_of,
)
from tests.gateway.process import Gateway

CREDENTIAL = "sk-credential-from-the-command-line"


@pytest.fixture
def gateway(start: StartGateway, upstreams: Upstreams) -> Gateway:
    channels = [anthropic_channel(upstreams.anthropic), chat_channel(upstreams.chat)]
    return start(config_of(channels, server={"admin": {"token": ADMIN_TOKEN}}), way="serve")


def done(gateway: Gateway, *arguments: str) -> str:
    ran = gateway.command(*arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_key_profile_and_channel_made_by_commands_serve_the_next_request(gateway, upstreams):
    made = json.loads(done(gateway, "key", "create", "new", "--json"))
    done(gateway, "profile", "create", "deepseek", "--map", "claude-sonnet-4-5=new-model")
    done(gateway, "profile", "assign", "new", "deepseek")
    done(gateway, "profile", "use", "new", "deepseek")
    options = ["--type", "openai", "--base-url", f"{upstreams.chat.url}/v1", "--api-key", CREDENTIAL]
    told = done(gateway, "channel", "create", "made", *options, "--model", "new-model")
    before = ask_anthropic(gateway, made["key"])
    done(gateway, "channel", "enable", "made")
    after = ask_anthropic(gateway, made["key"])

    assert "disabled" in told
    assert 503 == before.status
    assert "made" == after.header("x-axonhub-channel")
    assert "new-model" == upstreams.chat.requests[-1].json()["model"]

    done(gateway, "key", "disable", "new")
    assert 403 == ask_anthropic(gateway, made["key"]).status


def test_what_commands_make_without_a_gateway_serves_when_one_starts(gateway, start, upstreams):
    gateway.stop()
    made = json.loads(done(gateway, "key", "create", "new", "--json"))
    options = ["--type", "openai", "--base-url", f"{upstreams.chat.url}/v1", "--api-key", CREDENTIAL]
    done(gateway, "channel", "create", "made", *options, "--model", "new-model")
    tested = json.loads(done(gateway, "channel", "test", "made", "--json"))
    done(gateway, "channel", "enable", "made")

    assert [(True, "Said by Chat.")] == [(each["success"], each["text"]) for each in tested]

    later = start(yaml.safe_load(gateway.config_file.read_text("utf-8")), way="serve")
    assert 200 == ask_chat(later, made["key"], chat_body("new-model")).status


def test_failed_test_says_why_and_is_a_failed_command(gateway, upstreams):
    ran = gateway.command("channel", "test", "second", "--model", "claude-sonnet-4-5")
    unknown = gateway.command("channel", "test", "nothing")

    assert 1 == ran.returncode
    assert "supported_models" in ran.stdout
    assert (1, True) == (unknown.returncode, "nothing" in unknown.stderr)
    assert upstreams.were_left_alone()


def test_refusals_read_alike_with_a_gateway_and_without(gateway):
    arguments = ("channel", "create", "first", "--type", "openai")
    beside = gateway.command(*arguments)
    gateway.stop()
    without = gateway.command(*arguments)

    assert (1, 1) == (beside.returncode, without.returncode)
    assert beside.stderr == without.stderr
