"""Addon: channels misbehave on a filter, so that people can see their failover, time limits and alarms work.

A try that a rule matches goes to an upstream inside the process that does what the rule says; the provider is not
asked. For everything else the failure is real: the channel cools down, breakers open, the record says so. In force only
with `inspection.faults: true`.

    mitmproxy option   axonhub_faults   one or more of /FILTER/FAULT, such as "/~meta channel:deepseek/status 529"
    commands           axonhub.fault FILTER FAULT…   axonhub.fault.list   axonhub.fault.clear
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from mitmproxy import command, ctx, exceptions, flowfilter, http
from mitmproxy.addonmanager import Loader

from axonhub.addons import failover, misbehaving
from axonhub.addons.channels.credentials import auth_headers
from axonhub.addons.exchange import exchange_of
from axonhub.addons.internal import Internal
from axonhub.addons.misbehaving import Fault

logger = logging.getLogger(__name__)

_OPTION = "axonhub_faults"
_OFF = "faults are off: config.yml must say inspection.faults: true"


@dataclass(frozen=True, slots=True)
class Rule:
    expression: str
    matches: flowfilter.TFilter
    fault: Fault

    @classmethod
    def of(cls, expression: str, fault: str) -> "Rule":
        """ValueError."""
        return cls(expression, flowfilter.parse(expression), Fault.read(fault))

    @classmethod
    def read(cls, text: str) -> "Rule":
        """From `/FILTER/FAULT`, where any character may take the place of the slash. ValueError."""
        parts = text[1:].rsplit(text[:1], 1) if text else []
        if len(parts) != 2:
            raise ValueError(f"{text!r} is not of the form /FILTER/FAULT")
        return cls.of(*parts)

    def __str__(self) -> str:
        return f"{self.expression}: {self.fault}"


class Faults:
    """Stands behind whoever aims a try and whoever gives a flow the words that filters find it by."""

    def __init__(self, internal: Internal, allowed: Callable[[], bool]) -> None:
        self._internal, self._allowed = internal, allowed
        self._rules: list[Rule] = []

    def load(self, loader: Loader) -> None:
        loader.add_option(
            _OPTION, Sequence[str], [], "Faults of channels, as /FILTER/FAULT; see addons/misbehaving.py."
        )

    def configure(self, updated: set[str]) -> None:
        if _OPTION in updated:
            try:
                self._rules = [Rule.read(each) for each in ctx.options.axonhub_faults]
            except ValueError as error:
                raise exceptions.OptionsError(str(error)) from error

    def running(self) -> None:
        if self._rules and not self._allowed():
            logger.warning("%s are given, but %s", _OPTION, _OFF)

    @command.command("axonhub.fault")  # type: ignore[untyped-decorator]  # mitmproxy
    def add(self, expression: str, *fault: str) -> None:
        """Let channels misbehave, such as `axonhub.fault '~meta channel:deepseek' status 529 retry-after=3`."""
        if not self._allowed():
            raise exceptions.CommandError(_OFF)
        try:
            rule = Rule.of(expression, " ".join(fault))
        except ValueError as error:
            raise exceptions.CommandError(str(error)) from error
        self._rules = [*self._rules, rule]
        logger.warning("From now on channels misbehave on %s", rule)

    @command.command("axonhub.fault.list")  # type: ignore[untyped-decorator]  # mitmproxy
    def listed(self) -> Sequence[str]:
        """The faults that are in force."""
        return [str(each) for each in self._rules] if self._allowed() else []

    @command.command("axonhub.fault.clear")  # type: ignore[untyped-decorator]  # mitmproxy
    def clear(self) -> None:
        """No channel misbehaves any more."""
        self._rules = []

    def attempt(self, flow: http.HTTPFlow) -> None:
        """The first rule that matches a try takes the provider's place."""
        if not self._rules or flow.response or not self._allowed():
            return
        exchange, tried = exchange_of(flow), failover.last_try(flow)
        if exchange is None or exchange.attempt is None or tried is None:
            return
        rule = next((each for each in self._rules if each.matches(flow)), None)
        if rule is not None:
            attempt = exchange.attempt
            logger.info("%s: %s misbehaves: %s", exchange.id, attempt.candidate.channel.name, rule.fault)
            where = misbehaving.address(rule.fault, attempt.protocol, attempt.candidate.model, exchange.stream)
            tried.headers = auth_headers("process-token", self._internal.token)
            self._aim(flow.request, where)

    def _aim(self, request: http.Request, where: str) -> None:
        base = urlsplit(self._internal.base_url(misbehaving.NAME))
        request.scheme, request.host, request.port = "http", base.hostname or "", base.port or 80
        request.path = base.path + where
