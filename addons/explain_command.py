"""Console command `axonhub explain`: what becomes of a model's name, which channels would be tried, and why no other.

It asks no gateway: failures, speed and limits of the running one are in `X-Debug-Mode: true` and in the admin API.
"""

import argparse
from pathlib import Path

from axonhub.addons.config import ApiKey, Profile
from axonhub.addons.model_report import as_json, in_words, report
from axonhub.addons.reading import load_in_force
from axonhub.addons.runtime.merging import InForce
from axonhub.addons.terminal import CommandFailed, listed, print_json, print_text

type Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: Commands) -> None:
    words = "show what becomes of a model's name, and which channels would be tried"
    parser = commands.add_parser("explain", help=words, description=words)
    parser.add_argument("model", metavar="MODEL", help="the name that a client asks for")
    parser.add_argument("--key", metavar="KEY", help="the name of the client's API key; its active profile counts")
    parser.add_argument("--profile", metavar="PROFILE", help="another profile of the key; - for none")
    parser.add_argument("--trace", metavar="ID", default="", help="the trace, which decides among equals")
    parser.add_argument("--whole", action="store_true", help="for a request that does not stream")
    parser.add_argument("--all", action="store_true", help="name the channels that do not serve the model, too")
    parser.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="config.yml to use")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=explain)


def explain(arguments: argparse.Namespace) -> int:
    """1 when the request would be refused."""
    now = load_in_force(arguments.config)[2]
    key = _key(now, arguments.key) if arguments.key else None
    profile = _profile(now, key, arguments.profile)
    found = report(now.config, key, profile, arguments.model, trace_id=arguments.trace, stream=not arguments.whole)
    if arguments.json:
        print_json(as_json(found))
    else:
        print_text("\n".join(in_words(found, every_channel=arguments.all)))
    return 1 if found.refusal else 0


def _key(now: InForce, name: str) -> ApiKey:
    known = now.config.api_keys
    found = next((each for each in known if each.name == name), None)
    if found is None:
        raise CommandFailed(f"there is no API key {name!r}; there are: {listed(each.name for each in known)}")
    return found


def _profile(now: InForce, key: ApiKey | None, wanted: str | None) -> Profile | None:
    if key is None:
        if wanted not in (None, "-"):
            raise CommandFailed("--profile needs --key: profiles belong to keys")
        return None
    if wanted is None:
        return now.active_profile(key)
    if wanted == "-":
        return None
    found = next((each for each in key.profiles if each.name.lower() == wanted.lower()), None)
    if found is None:
        names = listed(each.name for each in key.profiles)
        raise CommandFailed(f"{key.name!r} has no profile {wanted!r}; it has: {names}")
    return found
