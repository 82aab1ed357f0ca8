"""The config.yml that the project ships, and the page about it."""

from pathlib import Path

import pytest

from axonhub.addons.config import ConfigError, Loaded, load_config
from axonhub.addons.config.keys import all_keys
from axonhub.addons.config.reference import renew

ROOT = Path(__file__).resolve().parents[3]

ACCOUNTS = {
    "anthropic": "ANTHROPIC_API_KEY",
    "claude-code": "CLAUDE_CODE_OAUTH_TOKEN",
    "openai": "OPENAI_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "gemini": "GEMINI_API_KEY",
}


@pytest.fixture
def shipped() -> Loaded:
    """Without any file and any variable."""
    return load_config(None, {})


def test_without_any_file_the_shipped_one_serves(shipped: Loaded) -> None:
    assert shipped.config == load_config(ROOT / "config.yml", {}).config
    assert shipped.problems == ()


def test_a_bare_machine_has_a_key_and_the_demo_channel(shipped: Loaded) -> None:
    key = shipped.config.api_keys[0].key
    enabled = [channel for channel in shipped.config.channels if channel.status == "enabled"]

    assert key is not None
    assert key.get_secret_value() == "ah-local-dev"
    assert [(channel.name, channel.supported_models) for channel in enabled] == [("demo", ("*",))]


def test_real_providers_wait_for_their_variables(shipped: Loaded) -> None:
    waiting = {each.name: each.disabled_reason for each in shipped.config.channels if each.disabled_reason}

    assert waiting == {name: f"set {variable}" for name, variable in ACCOUNTS.items()}


@pytest.mark.parametrize(("name", "variable"), ACCOUNTS.items())
def test_a_variable_enables_its_channel_and_no_other(name: str, variable: str) -> None:
    loaded = load_config(None, {variable: "sk-ant-credential"})

    assert {each.name for each in loaded.config.channels if each.status == "enabled"} == {name, "demo"}
    assert loaded.problems == ()


def test_demo_has_the_last_word(shipped: Loaded) -> None:
    priorities = {channel.name: channel.priority for channel in shipped.config.channels}

    assert all(priorities["demo"] > priority for name, priority in priorities.items() if name != "demo")


def test_the_deepseek_profile_renames_claudes_models_and_none_is_active(shipped: Loaded) -> None:
    key = shipped.config.api_keys[0]
    profile = next(each for each in key.profiles if each.name == "deepseek")

    def renamed(model: str) -> str | None:
        return next((to for each in profile.model_mappings if (to := each.match(model))), None)

    assert key.active_profile is None
    assert renamed("claude-sonnet-4-5") == renamed("claude-sonnet-4-5-20250929") == "deepseek-reasoner"
    assert renamed("claude-haiku-4-5") == "deepseek-chat"


def test_traces_of_claude_code_are_on(shipped: Loaded) -> None:
    assert shipped.config.server.trace.claude_code_trace_enabled


def test_the_default_key_keeps_the_shipped_file_off_the_network() -> None:
    with pytest.raises(ConfigError, match="default key"):
        load_config(None, {"AXONHUB_SERVER_HOST": "0.0.0.0"})

    assert load_config(None, {"AXONHUB_SERVER_HOST": "0.0.0.0", "AXONHUB_API_KEY": "own-key"}).problems == ()


def test_the_page_lists_all_keys_with_their_defaults() -> None:
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")

    assert renew(page) == page, "python -m axonhub.addons.config.reference docs/config.md renews it"
    assert [key.path for key in all_keys() if f"`{key.path[-1]}`" not in page and not key.section] == []


def test_a_page_without_marks_is_not_renewed() -> None:
    with pytest.raises(ValueError, match="begin"):
        renew("# a page\n")
