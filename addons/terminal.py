"""What commands have in common: words on the terminal, JSON for programs, and a failure that says why."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence

import orjson


class CommandFailed(Exception):
    """With words for the person at the terminal."""


def print_text(text: str) -> None:
    sys.stdout.write(text + "\n")


def print_json(value: object) -> None:
    print_text(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_rows(arguments: argparse.Namespace, rows: Sequence[Mapping[str, object]]) -> int:
    """As JSON, or as a table as wide as its contents."""
    if arguments.json:
        print_json(rows)
        return 0
    if not rows:
        print_text("nothing")
        return 0
    table = [tuple(rows[0]), *(tuple(_cell(value) for value in row.values()) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print_text("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
