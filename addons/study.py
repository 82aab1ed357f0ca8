"""Console commands that look at a whole trace: its tree of agents, and what became of the provider's prompt cache."""

import argparse
from pathlib import Path

from axonhub.addons.analysis.agents import agent_tree, tree_json
from axonhub.addons.analysis.agents_text import tree_text
from axonhub.addons.analysis.conversations import Stored
from axonhub.addons.settings import load
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.terminal import CommandFailed, print_json, print_text

type Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def tree(arguments: argparse.Namespace) -> int:
    reader = TraceReader.open(load(arguments.config).config.store.path)
    found = agent_tree(arguments.id, stored_trace(reader, arguments.id))
    if arguments.json:
        print_json(tree_json(found))
    else:
        print_text(tree_text(found))
    return 0


def stored_trace(reader: TraceReader, name: str) -> tuple[Stored, ...]:
    """By the id of a trace, or of any request in it. CommandFailed."""
    record = reader.get(name)
    trace_id = record.get("trace_id") if record else name
    records = reader.trace(trace_id) if isinstance(trace_id, str) else (record,) if record else ()
    if not records:
        raise CommandFailed(f"there is no trace and no request {name!r}")
    return tuple(Stored(each, reader.body) for each in records)


def command(commands: Commands, name: str, run: object, text: str, *, json: bool = True) -> argparse.ArgumentParser:
    """One command with the options that all have."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="config.yml to use")
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def add_tree(traces: Commands) -> None:
    """Below `axonhub trace`."""
    shown = command(traces, "tree", tree, "show a trace's agents: what each spent, and where the time went")
    shown.add_argument("id", metavar="ID", help="of a trace, or of a request in it")
