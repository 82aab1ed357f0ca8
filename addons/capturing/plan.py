"""What is captured: which hosts, what becomes of their requests, and where a provider's path leads here. Pure.

Hosts are those of the channel types' own addresses and of the channels in config.yml; an address on this machine is no
provider that needs capturing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.config import Channel
from axonhub.addons.config.values import check_loopback_url, is_loopback
from axonhub.addons.errors import GatewayError
from axonhub.addons.exchange import Address
from axonhub.addons.routes import claim


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator wants captured."""

    observe: bool = False
    """Requests go where they were going, with the caller's own credentials; they are only looked at."""
    key: str = ""
    """The API key, by name, as which captured requests act; "": the only one that there is."""
    hosts: tuple[str, ...] = ()
    """Beside those that are known."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """Host → loopback URL that is asked in its place, for tests."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A host whose requests are captured."""

    host: str
    base_paths: tuple[str, ...] = ("",)
    types: tuple[str, ...] = ()
    """Channel types that live there."""


def written(plan: Plan) -> str:
    """For one option of mitmproxy."""
    told = ["observe"] if plan.observe else ["route"]
    told += [f"key={plan.key}"] if plan.key else []
    told += [f"host={each}" for each in plan.hosts]
    return "\n".join(told + [f"instead={host} {url}" for host, url in plan.instead.items()])


def read_plan(text: str) -> Plan:
    """ValueError for what is no plan."""
    lines = [line.partition("=")[::2] for line in text.splitlines()]
    unknown = {name for name, _ in lines} - {"observe", "route", "key", "host", "instead"}
    if unknown:
        raise ValueError(f"{min(unknown)!r} is no part of a capture")
    pairs = [value.split(" ", 1) for name, value in lines if name == "instead"]
    return Plan(
        ("observe", "") in lines,
        next((value for name, value in lines if name == "key"), ""),
        tuple(value.lower() for name, value in lines if name == "host"),
        {host.lower(): check_loopback_url(url) for host, url in pairs},
    )


def providers(plan: Plan, kinds: Iterable[ChannelType], channels: Iterable[Channel]) -> dict[str, Provider]:
    """By host."""
    found: dict[str, Provider] = {each: Provider(each) for each in (*plan.hosts, *plan.instead)}
    addresses = [(each.base_url, each.name) for each in kinds]
    addresses += [(each.base_url, each.type) for each in channels if each.base_url]
    for url, kind in addresses:
        address = urlsplit(url.rstrip("#"))
        host, path = (address.hostname or "").lower(), address.path.rstrip("/")
        if not host or "{" in host or is_loopback(host):
            continue
        known = found.get(host, Provider(host))
        paths = tuple(dict.fromkeys((*known.base_paths, path)))
        found[host] = Provider(host, paths, tuple(dict.fromkeys((*known.types, kind))))
    return found


def gateway_path(provider: Provider, method: str, path: str, headers: Mapping[str, str]) -> tuple[str, Address] | None:
    """Where the gateway answers what this host answers at `path` (without its query), and what it means; None: nowhere.

    A vendor may keep a protocol below a path of its own, with or without the version.
    """
    inside = [path.removeprefix(base) for base in provider.base_paths if base and path.startswith(f"{base}/")]
    for each in (path, *inside, *(f"/v1{rest}" for rest in inside)):
        try:
            return each, claim(method, each, headers)
        except GatewayError:
            continue
    return None


def base_url(provider: Provider, kind: ChannelType, plan: Plan) -> str:
    """Of a channel that stands for the provider itself."""
    if provider.host not in plan.instead:
        return kind.base_url
    return plan.instead[provider.host].rstrip("/") + urlsplit(kind.base_url).path
