"""Console command `axonhub override`: what a channel's overrides make of a request, before and after. Sends nothing."""

import argparse
import sys
from pathlib import Path

import orjson

from axonhub.addons.channels.registry import channel_types
from axonhub.addons.channels.serving import served_models, upstream_model
from axonhub.addons.config import Channel
from axonhub.addons.overriding.conditions import Asked
from axonhub.addons.overriding.dry_run import as_json, in_words, rehearse
from axonhub.addons.overriding.sending import has_overrides
from axonhub.addons.overriding.templates import Facts, Headers
from axonhub.addons.reading import load_in_force
from axonhub.addons.terminal import CommandFailed, listed, print_json, print_text
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.splice import spliced

type Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_SAMPLE = b'{"messages": [{"role": "user", "content": "Hello"}]}'


def register(commands: Commands) -> None:
    words = "show what a channel's overrides make of a request; nothing is sent"
    parser = commands.add_parser("override", help=words, description=words)
    parser.add_argument("channel", metavar="CHANNEL", help="the channel's name")
    parser.add_argument(
        "--body", metavar="FILE", help="the request's body as JSON, in the channel's protocol; - is stdin"
    )
    parser.add_argument("--header", metavar="NAME:VALUE", action="append", default=[], help="a header of the client's")
    parser.add_argument("--model", metavar="MODEL", help="the model that the client asks for")
    parser.add_argument("--key", metavar="KEY", default="", help="the name of the client's API key, for templates")
    parser.add_argument("--path", metavar="PATH", default="/v1/chat/completions", help="the client's path, for filters")
    parser.add_argument("--effort", metavar="EFFORT", default="", help="the client's reasoning effort, for templates")
    parser.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="config.yml to use")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=override)


def override(arguments: argparse.Namespace) -> int:
    config = load_in_force(arguments.config)[2].config
    channel = _channel(config.channels, arguments.channel)
    if not has_overrides(channel):
        raise CommandFailed(f"the channel {channel.name!r} has no overrides (settings.body_override_operations)")
    headers = dict(_header(each) for each in arguments.header)
    body = _body(arguments.body)
    document: JsonObject = orjson.loads(body)
    asked_model = arguments.model or str(document.get("model") or "") or _first_model(channel)
    model = upstream_model(channel, channel_types()[channel.type], asked_model) or asked_model
    metadata = document.get("metadata")
    facts = Facts(
        request_model=asked_model,
        model=model,
        request_header=Headers(headers),
        metadata=metadata if isinstance(metadata, dict) else {},
        key=arguments.key,
        channel=channel.name,
        stream=document.get("stream") is True,
        find_effort=lambda: str(arguments.effort),
    )
    url = f"http://{config.server.host}:{config.server.port}{arguments.path}"
    asked = Asked("POST", url, headers, spliced(body, {"model": asked_model}))
    rehearsal = rehearse(channel, spliced(body, {"model": model}), headers, facts, asked)
    if arguments.json:
        print_json(as_json(rehearsal))
    else:
        print_text("\n".join(in_words(rehearsal)))
    return 0


def _channel(channels: tuple[Channel, ...], name: str) -> Channel:
    found = next((each for each in channels if each.name == name), None)
    if found is None:
        raise CommandFailed(f"there is no channel {name!r}; there are: {listed(each.name for each in channels)}")
    return found


def _first_model(channel: Channel) -> str:
    return next((name for name in served_models(channel, channel_types()[channel.type]) if name != "*"), "any-model")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CommandFailed(f"--header {text!r}: must be NAME:VALUE")
    return name.strip().lower(), value.strip()


def _body(file: str | None) -> bytes:
    if file is None:
        return _SAMPLE
    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        value = orjson.loads(body)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise CommandFailed(f"{file} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CommandFailed(f"{file} must hold a JSON object")
    return body
