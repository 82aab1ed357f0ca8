"""The options of `axonhub serve` and `axonhub web` that capture, and what they mean to mitmproxy."""

import argparse
from collections.abc import Sequence

from axonhub.addons.capturing.plan import Plan, read_plan, written
from axonhub.addons.terminal import CommandFailed

PORT = 8093


def add_capture(parser: argparse.ArgumentParser) -> None:
    options = parser.add_argument_group("capture", "for tools that cannot change their base URL; see docs/capture.md")
    options.add_argument("--capture", action="store_true", help="be a proxy for providers' hosts, too, on loopback")
    options.add_argument("--observe", action="store_true", help="captured requests go on to their provider as they are")
    options.add_argument("--capture-port", type=int, default=PORT, metavar="PORT", help=f"of the proxy; default {PORT}")
    options.add_argument("--capture-local", metavar="PROGRAM", help="capture this program without a proxy setting")
    options.add_argument("--capture-key", default="", metavar="NAME", help="API key as which captured requests act")
    options.add_argument(
        "--capture-host", action="append", default=[], metavar="HOST", help="a further provider's host"
    )
    options.add_argument(
        "--capture-instead", action="append", default=[], metavar="HOST=URL", help="for tests: ask this loopback URL"
    )


def plan_of(arguments: argparse.Namespace) -> Plan | None:
    """None: nothing is to be captured. CommandFailed."""
    if not arguments.capture:
        if arguments.observe or arguments.capture_local:
            raise CommandFailed("--observe and --capture-local go with --capture")
        return None
    pairs = dict(each.partition("=")[::2] for each in arguments.capture_instead)
    plan = Plan(arguments.observe, arguments.capture_key, tuple(arguments.capture_host), pairs)
    try:
        return read_plan(written(plan))
    except ValueError as error:
        raise CommandFailed(f"capture: {error}") from error


def modes_of(arguments: argparse.Namespace) -> Sequence[str]:
    """Of mitmproxy, beside the gateway's own. The proxy listens on loopback only."""
    local = [f"local:{arguments.capture_local}"] if arguments.capture_local else []
    return [f"regular@127.0.0.1:{arguments.capture_port}", *local] if arguments.capture else []
