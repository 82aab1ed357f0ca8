"""Console commands on the trace store. They work beside a running gateway and without one."""

import argparse
import sys
import time
from pathlib import Path

from axonhub.addons.config import Config
from axonhub.addons.quota_reading import standings
from axonhub.addons.quota_text import with_quotas
from axonhub.addons.reading import load, load_in_force
from axonhub.addons.store import report
from axonhub.addons.store.backend import Filter, StoreError
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.terminal import CommandFailed, print_json, print_text

_DAY_S = 86400.0


def trace_list(arguments: argparse.Namespace) -> int:
    wanted = Filter({"trace_id": arguments.trace}) if arguments.trace else None
    return _print(arguments, report.trace_list(_reader(arguments), arguments.limit, wanted))


def trace_show(arguments: argparse.Namespace) -> int:
    return _print(arguments, report.trace_show(_reader(arguments), arguments.id))


def usage(arguments: argparse.Namespace) -> int:
    since_s = time.time() - arguments.days * _DAY_S if arguments.days else None
    reader = _reader(arguments)
    shown = report.usage(reader, arguments.by, since_s)
    if arguments.by in ("key", "profile"):
        shown = with_quotas(shown, standings(load_in_force(arguments.config)[2].config, reader, time.time()))
    return _print(arguments, shown)


def store_check(arguments: argparse.Namespace) -> int:
    return _print(arguments, report.store_check(_folder(arguments)))


def store_compact(arguments: argparse.Namespace) -> int:
    try:
        return _print(arguments, report.store_compact(_folder(arguments)))
    except StoreError as error:
        raise CommandFailed(str(error)) from error


def store_stats(arguments: argparse.Namespace) -> int:
    return _print(arguments, report.store_stats(_folder(arguments)))


def _print(arguments: argparse.Namespace, shown: report.Report) -> int:
    """As JSON or as text; what is not found or not in order goes to the error stream."""
    if arguments.json:
        print_json(shown.data)
    elif shown.ok:
        print_text(shown.text)
    else:
        sys.stderr.write(f"{shown.text}\n")
    return 0 if shown.ok else 1


def _config(arguments: argparse.Namespace) -> Config:
    return load(arguments.config).config


def _folder(arguments: argparse.Namespace) -> Path:
    return _config(arguments).store.path


def _reader(arguments: argparse.Namespace) -> TraceReader:
    return TraceReader.open(_folder(arguments))
