"""Console commands that make and switch keys, profiles and channels, and the one that tests a channel."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from axonhub.addons.config import Switch
from axonhub.addons.config.process import process_environ
from axonhub.addons.reaching import Reach, passing_gateway
from axonhub.addons.reading import load_in_force
from axonhub.addons.runtime import views
from axonhub.addons.terminal import CommandFailed, listed, print_json, print_rows, print_text
from axonhub.addons.trials import PROMPT, Trial, TrialRequest, tried

type Commands = argparse._SubParsersAction[argparse.ArgumentParser]
type Command = Callable[[argparse.Namespace], int]

_STATUS: Mapping[str, Switch] = {"enable": "enabled", "disable": "disabled", "archive": "archived"}


# -- API keys


def key_create(arguments: argparse.Namespace) -> int:
    document: dict[str, object] = {"name": arguments.name, "profiles": arguments.profile}
    if arguments.profile:
        document["active_profile"] = arguments.profile[0]
    made = _reach(arguments).change("POST", "/keys", document, lambda changes: changes.create_key(document))
    if arguments.json:
        print_json(made)
    else:
        print_text(f"{made['key']}\nThis is the key {made['name']!r}. It is told only now, and kept nowhere.")
    return 0


def key_switch(status: str, arguments: argparse.Namespace) -> int:
    path, value = f"/keys/{_quoted(arguments.name)}/{status}", _STATUS[status]
    shown = _reach(arguments).change(
        "POST",
        path,
        None,
        lambda changes: changes.switch_key(arguments.name, value),
    )
    return _told(arguments, shown, f"The key {arguments.name!r} is {value}.")


def key_delete(arguments: argparse.Namespace) -> int:
    path = f"/keys/{_quoted(arguments.name)}"
    _reach(arguments).change("DELETE", path, None, lambda changes: changes.delete_key(arguments.name))
    return _told(arguments, None, f"The key {arguments.name!r} is deleted.")


# -- profiles


def profile_create(arguments: argparse.Namespace) -> int:
    document = {
        "name": arguments.name,
        "model_mappings": [_mapping(each) for each in arguments.map],
        "channels": arguments.channel,
        "channel_tags": arguments.tag,
        "models": arguments.model,
    }
    document = {key: value for key, value in document.items() if value}
    made = _reach(arguments).change("POST", "/profiles", document, lambda changes: changes.create_profile(document))
    next_step = f"Try `axonhub profile assign KEY {arguments.name}`, then `axonhub profile use KEY {arguments.name}`."
    return _told(arguments, made, f"The profile {arguments.name!r} is there. {next_step}")


def profile_assign(arguments: argparse.Namespace) -> int:
    path, document = f"/keys/{_quoted(arguments.key)}/profiles", {"profile": arguments.profile}
    shown = _reach(arguments).change(
        "POST", path, document, lambda changes: changes.assign(arguments.key, arguments.profile)
    )
    return _told(arguments, shown, f"The key {arguments.key!r} has the profiles: {listed(shown['profiles'])}.")


def profile_list(arguments: argparse.Namespace) -> int:
    _, _, now = load_in_force(arguments.config)
    rows = [
        {
            "name": each.name,
            "keys": each.keys,
            "active_for": each.active_for,
            "mappings": [f"{one['from']} → {one['to']}" for one in each.model_mappings],
            "origin": each.origin,
        }
        for each in views.profiles(now)
    ]
    return print_rows(arguments, rows)


def _mapping(text: str) -> Mapping[str, str]:
    asked, separator, wanted = text.partition("=")
    if not (asked and separator and wanted):
        raise CommandFailed(f"--map {text!r}: must be FROM=TO")
    return {"from": asked, "to": wanted}


# -- channels


def channel_create(arguments: argparse.Namespace) -> int:
    document: dict[str, Any] = {
        "name": arguments.name,
        "type": arguments.type,
        "base_url": arguments.base_url,
        "api_keys": _credentials(arguments),
        "supported_models": arguments.model,
        "tags": arguments.tag,
        "priority": arguments.priority,
        "weight": arguments.weight,
    }
    document = {key: value for key, value in document.items() if value not in (None, [])}
    for each in arguments.set:
        _set(document, each)
    made = _reach(arguments).change("POST", "/channels", document, lambda changes: changes.create_channel(document))
    for warning in made["warnings"] if not arguments.json else ():
        sys.stderr.write(f"axonhub: {warning}\n")
    next_step = f"Try `axonhub channel test {arguments.name}`, then `axonhub channel enable {arguments.name}`."
    return _told(arguments, made, f"The channel {arguments.name!r} is there, {made['status']}. {next_step}")


def _credentials(arguments: argparse.Namespace) -> list[str]:
    """From the command line, from variables, or from standard input, a line each: that leaves no trace in a history."""
    found = [each for each in arguments.api_key if each != "-"]
    for name in arguments.api_key_env:
        if not (value := process_environ().get(name, "")):
            raise CommandFailed(f"the environment variable {name} is not set")
        found.append(value)
    if "-" in arguments.api_key:
        found += [line.strip() for line in sys.stdin if line.strip()]
    return found


def _set(document: dict[str, Any], text: str) -> None:
    """`settings.rate_limit.rpm=60`: JSON where it is that, else text."""
    place, separator, value = text.partition("=")
    *above, last = place.split(".")
    if not (separator and last):
        raise CommandFailed(f"--set {text!r}: must be KEY=VALUE")
    for key in above:
        document = document.setdefault(key, {})
    try:
        document[last] = orjson.loads(value)
    except orjson.JSONDecodeError:
        document[last] = value


def channel_switch(status: str, arguments: argparse.Namespace) -> int:
    path, value = f"/channels/{_quoted(arguments.name)}/{status}", _STATUS[status]
    shown = _reach(arguments).change(
        "POST",
        path,
        None,
        lambda changes: changes.switch_channel(arguments.name, value),
    )
    return _told(arguments, shown, f"The channel {arguments.name!r} is {value}.")


def channel_delete(arguments: argparse.Namespace) -> int:
    path = f"/channels/{_quoted(arguments.name)}"
    _reach(arguments).change("DELETE", path, None, lambda changes: changes.delete_channel(arguments.name))
    return _told(arguments, None, f"The channel {arguments.name!r} is deleted, and its credentials with it.")


def channel_test(arguments: argparse.Namespace) -> int:
    """1 when a test failed."""
    reach = _reach(arguments)
    wanted = TrialRequest(
        channel=arguments.name,
        model=arguments.model,
        all_keys=arguments.all_keys,
        prompt=arguments.prompt,
        stream=True if arguments.stream else None,
    )
    results = _tested(reach, wanted)
    if arguments.json:
        print_json([each.model_dump(mode="json") for each in results])
    else:
        print_text("\n".join(_line(each) for each in results))
    return 0 if all(each.success for each in results) else 1


def _tested(reach: Reach, wanted: TrialRequest) -> Sequence[Trial]:
    if reach.runs():
        draft = wanted.model_dump(exclude={"channel", "source"})
        answer = reach.call("POST", f"/channels/{_quoted(wanted.channel)}/test", draft)
        return [Trial.model_validate(each) for each in answer["results"]]
    config = load_in_force(reach.config_path)[2].config
    channel = next((each for each in config.channels if each.name == wanted.channel), None)
    if channel is None:
        there = listed(each.name for each in config.channels)
        raise CommandFailed(f"there is no channel {wanted.channel!r}; there are: {there}")
    with passing_gateway(reach) as door:
        return tried(wanted, channel, door)


def _line(trial: Trial) -> str:
    what = f"{trial.channel} · {trial.model or 'no model'}" + (f" · {trial.credential}" if trial.credential else "")
    if trial.success:
        first = "" if trial.first_token_ms is None else f", first token after {trial.first_token_ms} ms"
        return f"{what}: ok in {trial.latency_ms} ms{first}\n  {_printable(trial.text)}"
    return f"{what}: failed\n  {_printable(trial.error or '')}\n  {trial.advice or ''}"


def _printable(text: str) -> str:
    """Without what could drive the terminal: a model's answer is a stranger's text."""
    return "".join(each if each.isprintable() else " " for each in text)


# -- how they are called


def add_key(group: Commands) -> None:
    create = _add(group, "create", key_create, "make an API key; it is printed this once")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--profile", action="append", default=[], help="a profile for it; the first one is used")
    for status, text in (("enable", "enable"), ("disable", "disable"), ("archive", "hide and disable")):
        switch = _add(group, status, partial(key_switch, status), f"{text} an API key")
        switch.add_argument("name", metavar="NAME")
    delete = _add(group, "delete", key_delete, "delete an API key that was made at run time")
    delete.add_argument("name", metavar="NAME")


def add_profile(group: Commands) -> None:
    create = _add(group, "create", profile_create, "make a profile for any number of keys")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--map", action="append", default=[], metavar="FROM=TO", help="a renaming; FROM may be a regex")
    create.add_argument("--channel", action="append", default=[], help="a channel that may be used; none: all")
    create.add_argument("--tag", action="append", default=[], help="a tag whose channels may be used")
    create.add_argument("--model", action="append", default=[], help="a model that may be used; none: all")
    assign = _add(group, "assign", profile_assign, "give a profile to an API key")
    assign.add_argument("key", metavar="KEY")
    assign.add_argument("profile", metavar="PROFILE")
    _add(group, "list", profile_list, "list the profiles")


def add_channel(group: Commands) -> None:
    create = _add(group, "create", channel_create, "make a channel; it is disabled until it is enabled")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--type", required=True, help="see `axonhub channel types`")
    create.add_argument("--base-url")
    create.add_argument("--api-key", action="append", default=[], help="a credential; - reads them from standard input")
    create.add_argument(
        "--api-key-env", action="append", default=[], metavar="VARIABLE", help="one from the environment"
    )
    create.add_argument("--model", action="append", default=[], help="a model that it serves; none: its type's own")
    create.add_argument("--tag", action="append", default=[])
    create.add_argument("--priority", type=int)
    create.add_argument("--weight", type=int)
    create.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any other key of config.yml")
    test = _add(group, "test", channel_test, "send one small request through a channel, also a disabled one")
    test.add_argument("name", metavar="NAME")
    test.add_argument("--model", help="instead of its default_test_model")
    test.add_argument("--all-keys", action="store_true", help="each of its credentials by itself")
    test.add_argument("--stream", action="store_true", help="ask for a stream")
    test.add_argument("--prompt", default=PROMPT)
    for status, text in (("enable", "enable"), ("disable", "disable"), ("archive", "hide and disable")):
        switch = _add(group, status, partial(channel_switch, status), f"{text} a channel")
        switch.add_argument("name", metavar="NAME")
    delete = _add(group, "delete", channel_delete, "delete a channel that was made at run time")
    delete.add_argument("name", metavar="NAME")


def _add(group: Commands, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    parser = group.add_parser(name, help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="config.yml to use")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _reach(arguments: argparse.Namespace) -> Reach:
    return Reach.of(arguments.config)


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _told(arguments: argparse.Namespace, document: object, text: str) -> int:
    if arguments.json:
        print_json(document)
    else:
        print_text(text)
    return 0
