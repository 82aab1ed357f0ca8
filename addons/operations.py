"""What the console commands do. Each takes parsed arguments, prints, and returns the exit status."""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import orjson

from axonhub.addons.capture_options import modes_of, plan_of
from axonhub.addons.capturing.plan import written
from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import served_models
from axonhub.addons.config import Config, ConfigError, Problem, render_problems
from axonhub.addons.quota_reading import standings
from axonhub.addons.quota_text import Standing, in_short, shown
from axonhub.addons.reading import load, load_in_force, state_digest
from axonhub.addons.runtime import views
from axonhub.addons.runtime.merging import ACTIVE_PROFILES
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.state import RuntimeState
from axonhub.addons.terminal import CommandFailed, listed, print_json, print_rows, print_text
from axonhub.transformers.dialect import Dialect
from axonhub.transformers.json_types import Json

_SCRIPT = Path(__file__).with_name("axonhub.py")
_APPLY_TIMEOUT_S = 3.0


# -- running


def serve(arguments: argparse.Namespace) -> int:
    # mitmproxy takes a second to import, and no other command needs it.
    from axonhub.addons import serving
    from axonhub.addons.capture import Capture
    from axonhub.addons.settings import Settings

    plan, settings = plan_of(arguments), Settings()
    settings.open(arguments.config)
    capture = Capture(settings, plan)
    return serving.serve(settings, verbose=arguments.verbose, capture=capture, modes=modes_of(arguments))


def web(arguments: argparse.Namespace) -> int:
    """mitmweb with our script, started as config.yml says from the first moment."""
    from mitmproxy.tools.main import mitmweb

    from axonhub.addons import launch

    config = load(arguments.config).config
    own = ["-s", str(_SCRIPT), "--set", "web_open_browser=false"]
    own += ["--set", f"axonhub_config={arguments.config}"] if arguments.config else []
    if plan := plan_of(arguments):
        own += ["--set", f"axonhub_capture={written(plan)}"]
    modes = [flag for mode in modes_of(arguments) for flag in ("--mode", mode)]
    mitmweb([*own, *launch.missing_flags(config, arguments.mitmweb), *modes, *arguments.mitmweb])
    return 0


# -- config.yml


def check(arguments: argparse.Namespace) -> int:
    """Lists every problem with its line; 1 when there is any."""
    try:
        problems: Sequence[Problem] = load(arguments.config).problems
    except ConfigError as error:
        problems = error.problems
    if arguments.json:
        print_json([_problem(each) for each in problems])
    else:
        print_text(render_problems(problems) if problems else "config.yml is in order.")
    return 1 if problems else 0


def _problem(problem: Problem) -> Json:
    return {
        "file": problem.file,
        "line": problem.line,
        "path": problem.path,
        "severity": problem.severity,
        "message": problem.message,
    }


def env(arguments: argparse.Namespace) -> int:
    server = load(arguments.config).config.server
    base = f"http://{'localhost' if server.host in ('127.0.0.1', '0.0.0.0') else server.host}:{server.port}"
    print_text(CLIENTS[arguments.client].format(base=base + server.base_path))
    return 0


CLIENTS: Mapping[str, str] = {
    "claude-code": (
        'export ANTHROPIC_BASE_URL="{base}/anthropic"\nexport ANTHROPIC_AUTH_TOKEN="<your-axonhub-api-key>"'
    ),
    "codex": (
        '# ~/.codex/config.toml\nmodel_provider = "axonhub"\n\n[model_providers.axonhub]\nname = "axonhub"\n'
        'base_url = "{base}/v1"\nenv_key = "AXONHUB_API_KEY"\nwire_api = "responses"'
    ),
    "gemini": (
        'export GOOGLE_GEMINI_BASE_URL="{base}/gemini"\nexport GEMINI_API_KEY="<your-axonhub-api-key>"'
    ),
}  # fmt: skip


# -- profiles


def profile_use(arguments: argparse.Namespace) -> int:
    config = load_in_force(arguments.config)[2].config
    name = _profile_name(config, arguments.key, arguments.profile)
    state = RuntimeState(config.store.path)
    active = state.load().get(ACTIVE_PROFILES)
    chosen = {**(active if isinstance(active, Mapping) else {}), arguments.key: name}
    state.save(ACTIVE_PROFILES, chosen)
    running = _applied(config, state_digest(state.load()))
    if arguments.json:
        print_json({"key": arguments.key, "profile": name or None, "in_force": running})
    else:
        told = "in force now" if running else "in force when the gateway runs"
        print_text(f"{arguments.key} uses {name or 'no profile'}: {told}.")
    return 0


def _profile_name(config: Config, key: str, profile: str) -> str:
    """The profile as config.yml writes it; "" for `-`."""
    owner = next((each for each in config.api_keys if each.name == key), None)
    if owner is None:
        raise CommandFailed(f"there is no API key {key!r}; there are: {listed(each.name for each in config.api_keys)}")
    if profile == "-":
        return ""
    for each in owner.profiles:
        if each.name.lower() == profile.lower():
            return each.name
    raise CommandFailed(f"{key!r} has no profile {profile!r}; it has: {listed(each.name for each in owner.profiles)}")


def _applied(config: Config, digest: str) -> bool:
    """Waits until the running gateway says that it has taken the state over; False when none answers."""
    host = config.server.host if config.server.host not in ("0.0.0.0", "::") else "127.0.0.1"
    deadline = time.monotonic() + _APPLY_TIMEOUT_S
    while time.monotonic() < deadline:
        connection = HTTPConnection(host, config.server.port, timeout=1)
        try:
            connection.request("GET", f"{config.server.base_path}/health")
            if orjson.loads(connection.getresponse().read()).get("state") == digest:
                return True
        except (OSError, HTTPException, orjson.JSONDecodeError, AttributeError):
            return False
        finally:
            connection.close()
        time.sleep(0.05)
    return False


# -- API keys


def key_list(arguments: argparse.Namespace) -> int:
    _, state, now = load_in_force(arguments.config)
    tails = {each.name: each.tail for each in views.keys(now, state)}
    quotas = standings(now.config, TraceReader.open(now.config.store.path), time.time())
    rows = [
        {
            "name": each.name,
            "status": each.status,
            "reason": each.disabled_reason or "",
            "tail": tails[each.name],
            "active_profile": profile.name if (profile := now.active_profile(each)) else None,
            "profiles": [profile.name for profile in each.profiles],
            "quotas": [_quota(one, arguments) for one in quotas if one.owner.key == each.name],
        }
        for each in now.config.api_keys
    ]
    return print_rows(arguments, rows)


def _quota(one: Standing, arguments: argparse.Namespace) -> object:
    if arguments.json:
        return shown(one)
    return (f"{one.owner.profile}: " if one.owner.profile else "") + in_short(one)


# -- channels


def channel_list(arguments: argparse.Namespace) -> int:
    channels = load_in_force(arguments.config)[2].config.channels
    rows: list[Mapping[str, Json]] = [
        {
            "name": each.name,
            "type": each.type,
            "status": each.status,
            "reason": each.disabled_reason or "",
            "priority": each.priority,
            "weight": each.weight,
            "models": list(served_models(each, channel_types()[each.type])),
        }
        for each in channels
    ]
    return print_rows(arguments, rows)


def channel_kinds(arguments: argparse.Namespace) -> int:
    kinds = sorted(channel_types().values(), key=lambda kind: kind.name)
    if arguments.json:
        print_json([_kind(kind) for kind in kinds])
        return 0
    rows: list[Mapping[str, Json]] = [
        {
            "type": kind.name,
            "protocols": list(kind.protocols),
            "beside": list(kind.siblings),
            "base_url": kind.base_url or ("in this process" if kind.internal else "(yours)"),
            "credential": kind.auth,
            "title": kind.title,
        }
        for kind in kinds
    ]
    return print_rows(arguments, rows)


def _kind(kind: ChannelType) -> Json:
    plain = Dialect()
    flags = {each.name: getattr(kind.dialect, each.name) for each in fields(Dialect)}
    return {
        "type": kind.name,
        "title": kind.title,
        "protocols": list(kind.protocols),
        "siblings": list(kind.siblings),
        "base_url": kind.base_url,
        "auth": kind.auth,
        "headers": {**kind.headers},
        "default_models": list(kind.default_models),
        "counts_tokens": kind.counts_tokens,
        "dialect": {name: str(value) for name, value in flags.items() if value != getattr(plain, name)},
    }
