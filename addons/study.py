"""Console commands that look at a whole trace: its tree of agents, and what became of the provider's prompt cache."""

import argparse
import time
from decimal import Decimal
from pathlib import Path

from axonhub.addons.analysis.agents import agent_tree, tree_json
from axonhub.addons.analysis.agents_text import tree_text
from axonhub.addons.analysis.caches import diagnose, finding_json
from axonhub.addons.analysis.caches_text import findings_text, hit_rates, hit_rates_text
from axonhub.addons.analysis.conversations import Stored, text_of
from axonhub.addons.config import Config
from axonhub.addons.prices import price_of
from axonhub.addons.pricing import cost_of, in_force
from axonhub.addons.reading import load_in_force
from axonhub.addons.store.backend import Record
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.store.summary import number
from axonhub.addons.terminal import CommandFailed, print_json, print_text
from axonhub.transformers.hub.usage import Usage

_DAY_S = 86400.0

type Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def tree(arguments: argparse.Namespace) -> int:
    reader = TraceReader.open(load_in_force(arguments.config)[2].config.store.path)
    found = agent_tree(arguments.id, stored_trace(reader, arguments.id))
    if arguments.json:
        print_json(tree_json(found))
    else:
        print_text(tree_text(found))
    return 0


def cache(arguments: argparse.Namespace) -> int:
    config = load_in_force(arguments.config)[2].config
    reader = TraceReader.open(config.store.path)
    if arguments.channels:
        return _hit_rates(reader, arguments)
    if arguments.id is None:
        raise CommandFailed("name a trace or a request of it, or give --channels")
    findings = diagnose(stored_trace(reader, arguments.id), lambda record, used: reckoned(config, record, used))
    if arguments.json:
        print_json([finding_json(each) for each in findings])
    else:
        print_text(findings_text(findings))
    return 0


def _hit_rates(reader: TraceReader, arguments: argparse.Namespace) -> int:
    since_s = time.time() - arguments.days * _DAY_S if arguments.days else None
    rows = hit_rates(reader.rollup("channel", since_s))
    if arguments.json:
        print_json(rows)
    else:
        print_text(hit_rates_text(rows))
    return 0


def reckoned(config: Config, record: Record, used: Usage) -> Decimal | None:
    """US dollars for so many tokens at the record's channel and model; None: no price is known."""
    price = price_of(text_of(record, "channel"), text_of(record, "used_model"), config.prices)
    if price is None:
        return None
    return cost_of(used, in_force(price, number(record.get("ts")), config.accounting.timezone)[0]).total


def stored_trace(reader: TraceReader, name: str) -> tuple[Stored, ...]:
    """By the id of a trace, or of any request in it. CommandFailed."""
    record = reader.get(name)
    trace_id = record.get("trace_id") if record else name
    records = reader.trace(trace_id) if isinstance(trace_id, str) else (record,) if record else ()
    if not records:
        raise CommandFailed(f"there is no trace and no request {name!r}")
    # A replay is a repetition of what an agent did, and no part of it.
    return tuple(Stored(each, reader.body) for each in records if not each.get("replay_of"))


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


def add_cache(commands: Commands) -> None:
    shown = command(commands, "cache", cache, "tell where a trace's prompt cache was lost, and to whom")
    shown.add_argument("id", metavar="ID", nargs="?", help="of a trace, or of a request in it")
    shown.add_argument("--channels", action="store_true", help="how much each channel read from its cache, instead")
    shown.add_argument("--days", type=float, metavar="N", help="with --channels: only the last N days")
