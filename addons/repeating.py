"""Console commands `axonhub replay`, which needs the running gateway, and `axonhub compare`, which does not."""

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from axonhub.addons.analysis.comparing import compared, comparison_json, comparison_text
from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.exporting import own_url
from axonhub.addons.reading import admin_token, load_in_force
from axonhub.addons.replaying import Changes, Replayed, ReplayFailed, replay_stored
from axonhub.addons.store.backend import Record
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.terminal import CommandFailed, print_json, print_text

_RECORD_TIMEOUT_S = 10.0
type Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def replay(arguments: argparse.Namespace) -> int:
    """0 when the answer is one."""
    declared, _, in_force = load_in_force(arguments.config)
    token = admin_token(declared)
    if token is None:
        raise CommandFailed("the gateway was never started here: there is no admin token")
    reader = TraceReader.open(declared.store.path)
    changes = Changes(arguments.channel, arguments.model, arguments.key, arguments.profile)
    try:
        keys = [each.name for each in in_force.config.api_keys]
        done = replay_stored(reader, arguments.id, changes, keys, own_url(declared), token)
    except ReplayFailed as error:
        raise CommandFailed(str(error)) from error
    _show(arguments, reader, done)
    return 0 if done.status < 400 else 1


def _show(arguments: argparse.Namespace, reader: TraceReader, done: Replayed) -> None:
    record = _recorded(reader, done.request_id)
    if arguments.json:
        print_json({**asdict(done), "body": done.body.decode("utf-8", "replace"), "replay_of": arguments.id})
    elif record is None:
        print_text(f"{done.request_id or 'refused'}: {done.status}\n{done.body.decode('utf-8', 'replace')[:2000]}")
    else:
        both = compared(_stored(reader, arguments.id), Stored(record, reader.body))
        print_text(comparison_text(both))


def compare(arguments: argparse.Namespace) -> int:
    reader = TraceReader.open(load_in_force(arguments.config)[0].store.path)
    found = compared(_stored(reader, arguments.first), _stored(reader, arguments.second))
    if arguments.json:
        print_json(comparison_json(found))
    else:
        print_text(comparison_text(found))
    return 0


def _stored(reader: TraceReader, name: str) -> Stored:
    record = reader.get(name)
    if record is None:
        raise CommandFailed(f"there is no request {name!r}")
    return Stored(record, reader.body)


def _recorded(reader: TraceReader, name: str) -> Record | None:
    """The store's thread is a moment behind the answer. None: it was refused before it became a request."""
    deadline = time.monotonic() + (_RECORD_TIMEOUT_S if name else 0)
    while name and (found := reader.get(name)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return found if name else None


def add_replay(commands: Commands) -> None:
    shown = _command(commands, "replay", replay, "send a stored request again, through the running gateway")
    shown.add_argument("id", metavar="ID", help="of the request")
    shown.add_argument("--channel", default="", metavar="NAME", help="only this channel, also when it is disabled")
    shown.add_argument("--model", default="", metavar="NAME", help="this model instead, past all mappings")
    shown.add_argument("--key", default="", metavar="NAME", help="as this API key instead")
    shown.add_argument("--profile", default="", metavar="NAME", help="this profile of the key; - for none")
    both = _command(commands, "compare", compare, "show two requests side by side")
    both.add_argument("first", metavar="ID")
    both.add_argument("second", metavar="ID")


def _command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="config.yml to use")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser
