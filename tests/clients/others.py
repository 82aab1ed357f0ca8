"""The other client programs without a terminal: how each is told where the gateway is, and how its tools are called."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.clients.programs import Desk, program
from tests.upstreams.plan import Call
from tests.upstreams.toolboxes import Toolbox


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    speaks: str
    """Its protocol."""
    model: str
    """What it asks when told so by `arrange`."""
    arrange: Callable[[Desk, str, str], tuple[list[str], Mapping[str, str]]]
    """From desk, the gateway's address and key to the command (the prompt comes after it) and environment."""
    tools: Toolbox | None
    """None for one that has no tools and takes files from the answer's text."""


def codex(desk: Desk, url: str, key: str) -> tuple[list[str], Mapping[str, str]]:
    folder = desk.home / ".codex"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(
        'model = "gpt-5.5"\nmodel_provider = "gateway"\napproval_policy = "never"\n'
        'sandbox_mode = "danger-full-access"\n'
        "check_for_update_on_startup = false\n[analytics]\nenabled = false\n[model_providers.gateway]\n"
        f'name = "gateway"\nbase_url = "{url}/v1"\nenv_key = "GATEWAY_KEY"\nwire_api = "responses"\n'
    )
    return [str(program("codex")), "exec", "--skip-git-repo-check", "--json"], {"GATEWAY_KEY": key}


def gemini(desk: Desk, url: str, key: str) -> tuple[list[str], Mapping[str, str]]:
    folder = desk.home / ".gemini"
    folder.mkdir(exist_ok=True)
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}
    (folder / "settings.json").write_text(json.dumps(settings))
    command = [str(program("gemini")), "--yolo", "--skip-trust", "-m", "gemini-2.5-pro", "-p"]
    return command, {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": f"{url}/gemini"}


def opencode(package: str, path: str, model: str) -> Callable[[Desk, str, str], tuple[list[str], Mapping[str, str]]]:
    def arrange(desk: Desk, url: str, key: str) -> tuple[list[str], Mapping[str, str]]:
        folder = desk.home / ".config" / "opencode"
        folder.mkdir(parents=True, exist_ok=True)
        provider = {
            "npm": package,
            "name": "gateway",
            "options": {"baseURL": url + path, "apiKey": key},
            "models": {model: {}},
        }
        config = {
            "provider": {"gateway": provider},
            "small_model": f"gateway/{model}",
            "autoupdate": False,
            "permission": "allow",
        }
        (folder / "opencode.json").write_text(json.dumps(config))
        command = [str(program("opencode")), "run", "-m", f"gateway/{model}", "--format", "json"]
        return command, {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}

    return arrange


def qwen(desk: Desk, url: str, key: str) -> tuple[list[str], Mapping[str, str]]:
    environment = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_MODEL": "qwen3-coder"}
    return [str(program("qwen")), "--yolo", "--auth-type", "openai", "-p"], environment


AI_SDK_AGENT = Path(__file__).parent / "ai_sdk_agent.cjs"
AIDER = (
    "--no-git",
    "--yes-always",
    "--no-check-update",
    "--analytics-disable",
    "--edit-format",
    "whole",
    "--no-stream",
)


def aider_openai(desk: Desk, url: str, key: str) -> tuple[list[str], Mapping[str, str]]:
    options = ["--openai-api-base", f"{url}/v1", "--openai-api-key", key, "--model", "openai/gpt-5"]
    command = [str(program("aider")), *AIDER, *options, "made.txt", "--message"]
    return command, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def aider_anthropic(desk: Desk, url: str, key: str) -> tuple[list[str], Mapping[str, str]]:
    environment = {"ANTHROPIC_API_BASE": f"{url}/anthropic", "ANTHROPIC_API_KEY": key}
    command = [str(program("aider")), *AIDER, "--model", "anthropic/claude-sonnet-4-5", "made.txt", "--message"]
    return command, {**environment, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def ai_sdk(protocol: str, path: str, model: str) -> Callable[[Desk, str, str], tuple[list[str], Mapping[str, str]]]:
    def arrange(desk: Desk, url: str, key: str) -> tuple[list[str], Mapping[str, str]]:
        packages = program("ai-sdk").resolve()
        return ["node", str(AI_SDK_AGENT), str(packages), protocol, url + path, key, model], {}

    return arrange


def patch(file: str, old: str, new: str) -> str:
    return f"*** Begin Patch\n*** Update File: {file}\n@@\n-{old}\n+{new}\n*** End Patch\n"


CODEX_TOOLS = Toolbox(
    write=lambda file, content: Call("exec_command", {"cmd": f"cat > {file} <<'END-OF-FILE'\n{content}END-OF-FILE\n"}),
    read=lambda file: Call("exec_command", {"cmd": f"cat {file}"}),
    edit=lambda file, old, new: Call("apply_patch", {"input": patch(file, old, new)}),
    run=lambda command: Call("exec_command", {"cmd": command}),
)
GEMINI_TOOLS = Toolbox(
    write=lambda file, content: Call("write_file", {"file_path": file, "content": content}),
    read=lambda file: Call("read_file", {"file_path": file}),
    edit=lambda file, old, new: Call(
        "replace", {"file_path": file, "instruction": "say hello", "old_string": old, "new_string": new}
    ),
    run=lambda command: Call("run_shell_command", {"command": command, "description": "Runs what the test wants"}),
)
QWEN_TOOLS = Toolbox(
    write=GEMINI_TOOLS.write,
    read=GEMINI_TOOLS.read,
    edit=lambda file, old, new: Call("edit", {"file_path": file, "old_string": old, "new_string": new}),
    run=lambda command: Call(
        "run_shell_command", {"command": command, "description": "Runs what the test wants", "is_background": False}
    ),
)
OPENCODE_TOOLS = Toolbox(
    write=lambda file, content: Call("write", {"filePath": file, "content": content}),
    read=lambda file: Call("read", {"filePath": file}),
    edit=lambda file, old, new: Call("edit", {"filePath": file, "oldString": old, "newString": new}),
    run=lambda command: Call("bash", {"command": command, "description": "Runs what the test wants"}),
)
AI_SDK_TOOLS = Toolbox(
    write=lambda file, content: Call("write", {"file": file, "content": content}),
    read=lambda file: Call("read", {"file": file}),
    edit=lambda file, old, new: Call("edit", {"file": file, "old": old, "new": new}),
    run=lambda command: Call("run", {"command": command}),
)

CLIENTS = (
    Client(
        "opencode-chat",
        "openai/chat",
        "deepseek-chat",
        opencode("@ai-sdk/openai-compatible", "/v1", "local-model"),
        OPENCODE_TOOLS,
    ),
    Client(
        "opencode-anthropic",
        "anthropic/messages",
        "claude-sonnet-4-5",
        opencode("@ai-sdk/anthropic", "/anthropic/v1", "claude-sonnet-4-5"),
        OPENCODE_TOOLS,
    ),
    Client("qwen", "openai/chat", "qwen3-coder", qwen, QWEN_TOOLS),
    Client("gemini", "gemini/generate_content", "gemini-2.5-pro", gemini, GEMINI_TOOLS),
    Client("codex", "openai/responses", "gpt-5.5", codex, CODEX_TOOLS),
    Client("aider-openai", "openai/chat", "gpt-5", aider_openai, None),
    Client("aider-anthropic", "anthropic/messages", "claude-sonnet-4-5", aider_anthropic, None),
)
"""Programs that people work with."""

AI_SDK = tuple(
    Client(f"ai-sdk-{name}", protocol, model, ai_sdk(protocol, path, model), AI_SDK_TOOLS)
    for name, protocol, path, model in (
        ("anthropic", "anthropic/messages", "/anthropic/v1", "claude-sonnet-4-5"),
        ("chat", "openai/chat", "/v1", "gpt-5.5"),
        ("responses", "openai/responses", "/v1", "gpt-5.5"),
        ("gemini", "gemini/generate_content", "/gemini/v1beta", "gemini-2.5-pro"),
    )
)
"""A library that such programs are made of, with one agent of ours on top, in each protocol that it speaks."""
