"""Console command `axonhub export`: one request, or a trace, as a file for another program."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.config import Config
from axonhub.addons.exports.har import as_har
from axonhub.addons.exports.scrubbing import Scrub, as_it_is, scrubber
from axonhub.addons.exports.text_forms import as_curl, as_json, as_json_lines, as_raw
from axonhub.addons.exports.transcripts import Terms, Transcript
from axonhub.addons.masking import secrets_of
from axonhub.addons.reading import load_in_force
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.terminal import CommandFailed, listed

_OF_MANY = ("har", "jsonl", "flow")
FORMS = ("curl", "raw", "json", *_OF_MANY)


def export(arguments: argparse.Namespace) -> int:
    config = load_in_force(arguments.config)[2].config
    scrub = as_it_is if arguments.unredacted else known_scrubber(config)
    terms = Terms(own_url(config), scrub, not arguments.without_bodies)
    found = stored(TraceReader.open(config.store.path), arguments.id)
    data = written([Transcript(each, terms) for each in found], getattr(arguments, "as"), arguments.id)
    if arguments.output:
        write_private(arguments.output, data)
    else:
        sys.stdout.buffer.write(data if data.endswith(b"\n") else data + b"\n")
        sys.stdout.buffer.flush()
    return 0


def written(transcripts: Sequence[Transcript], form: str, name: str) -> bytes:
    """CommandFailed for a form that holds one exchange only."""
    if len(transcripts) > 1 and form not in _OF_MANY:
        raise CommandFailed(f"{name!r} is a trace of {len(transcripts)} requests: export it as {listed(_OF_MANY)}")
    match form:
        case "curl":
            return as_curl(transcripts[0]).encode()
        case "raw":
            return as_raw(transcripts[0])
        case "json":
            return as_json(transcripts[0])
        case "jsonl":
            return as_json_lines(transcripts)
        case "har":
            return as_har(transcripts, name)
        case _:
            from axonhub.addons.exports.flows import as_flows  # mitmproxy takes long to import

            return as_flows(transcripts)


def stored(reader: TraceReader, name: str) -> tuple[Stored, ...]:
    """One exchange by its id, or all of a trace. CommandFailed."""
    record = reader.get(name)
    records = (record,) if record else reader.trace(name)
    if not records:
        raise CommandFailed(f"there is no request and no trace {name!r}")
    return tuple(Stored(each, reader.body) for each in records)


def known_scrubber(config: Config) -> Scrub:
    """For every credential in config.yml, also where the operator wants to see them in mitmweb."""
    redacting = config.inspection.model_copy(update={"redact": True})
    known = secrets_of(config.model_copy(update={"inspection": redacting}))
    return scrubber(each.decode() for each in known)


def own_url(config: Config) -> str:
    host = "127.0.0.1" if config.server.host in ("0.0.0.0", "::", "") else config.server.host
    return f"http://{f'[{host}]' if ':' in host else host}:{config.server.port}{config.server.base_path}"


def write_private(file: Path, data: bytes) -> None:
    """Readable by its owner only: it holds what people wrote."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(data)
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error


def add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "write one request, or a trace, for another program; credentials are taken out"
    parser = commands.add_parser("export", help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="config.yml to use")
    parser.add_argument("id", metavar="ID", help="of a request, or (har, jsonl, flow) of a trace")
    parser.add_argument("--as", choices=FORMS, default="curl")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of to standard output")
    parser.add_argument("--without-bodies", action="store_true", help="only what was asked, tried and used")
    parser.add_argument(
        "--unredacted", action="store_true", help="bodies as stored, with whatever credentials they hold"
    )
    parser.set_defaults(run=export)
