"""Console command `axonhub`. Exit status: 0, 1 the thing failed, 2 usage."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from axonhub.addons import (
    explain_command,
    exporting,
    managing,
    operations,
    playback_command,
    records,
    rehearsing,
    repeating,
    study,
)
from axonhub.addons.capture_options import add_capture
from axonhub.addons.config import ConfigError
from axonhub.addons.terminal import CommandFailed

type Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """`argv` without the program's name; None: the process's own arguments."""
    arguments = _parser().parse_args(argv)
    run: Command = arguments.run
    try:
        return run(arguments)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
    except CommandFailed as error:
        sys.stderr.write(f"axonhub: {error}\n")
    except KeyboardInterrupt:
        return 130
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="axonhub", description="An AI gateway made of mitmproxy addons.")
    parser.add_argument("--config", type=Path, metavar="PATH", help="config.yml to use")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = _command(commands, "serve", operations.serve, "run the gateway")
    serve.add_argument("--verbose", action="store_true", help="log debug messages too")
    web = _command(commands, "web", operations.web, "run the gateway with mitmweb")
    add_capture(serve)
    add_capture(web)
    web.add_argument("mitmweb", nargs="*", help="further arguments for mitmweb, after --")
    _json(_command(commands, "check", operations.check, "check config.yml"))
    _key(commands)
    _profile(commands)
    _channel(commands)
    _trace(commands)
    _store(commands)
    study.add_cache(commands)
    exporting.add_export(commands)
    rehearsing.register(commands)
    explain_command.register(commands)
    repeating.add_replay(commands)
    playback_command.add_playback(commands)
    env = _command(commands, "env", operations.env, "print what points a client at the gateway")
    env.add_argument("client", choices=sorted(operations.CLIENTS))
    return parser


type _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def _command(commands: _Commands, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="config.yml to use")
    parser.set_defaults(run=run)
    return parser


def _group(commands: _Commands, name: str, text: str) -> _Commands:
    return commands.add_parser(name, help=text).add_subparsers(required=True, metavar="COMMAND")


def _json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _profile(commands: _Commands) -> None:
    profile = _group(commands, "profile", "profiles of API keys")
    use = _json(_command(profile, "use", operations.profile_use, "switch an API key's active profile"))
    use.add_argument("key", metavar="KEY", help="the API key's name")
    use.add_argument("profile", metavar="PROFILE", help="the profile's name; - for none")
    managing.add_profile(profile)


def _key(commands: _Commands) -> None:
    key = _group(commands, "key", "API keys")
    _json(_command(key, "list", operations.key_list, "list the API keys"))
    managing.add_key(key)


def _channel(commands: _Commands) -> None:
    channel = _group(commands, "channel", "channels")
    _json(_command(channel, "list", operations.channel_list, "list the channels"))
    _json(_command(channel, "types", operations.channel_kinds, "list the channel types"))
    managing.add_channel(channel)


def _trace(commands: _Commands) -> None:
    trace = _group(commands, "trace", "stored requests")
    listing = _json(_command(trace, "list", records.trace_list, "list the latest requests"))
    listing.add_argument("--limit", type=int, default=50)
    listing.add_argument("--trace", metavar="ID", help="only this trace")
    show = _json(_command(trace, "show", records.trace_show, "show one request, or all of a trace"))
    show.add_argument("id", metavar="ID", help="of a request or a trace")
    study.add_tree(trace)


def _store(commands: _Commands) -> None:
    usage = _json(_command(commands, "usage", records.usage, "sum up what was used"))
    usage.add_argument("--by", choices=("day", "hour", "channel", "model", "key", "profile"), default="day")
    usage.add_argument("--days", type=float, metavar="N", help="only the last N days")
    store = _group(commands, "store", "the trace store")
    _json(_command(store, "check", records.store_check, "read everything and compare it with its checksums"))
    _json(_command(store, "compact", records.store_compact, "give back the room of what is no longer alive"))
    _json(_command(store, "stats", records.store_stats, "sizes and counts"))


if __name__ == "__main__":
    sys.exit(main())
