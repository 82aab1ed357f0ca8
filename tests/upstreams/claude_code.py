"""Anthropic's API as a Claude Code subscription meets it: what the key's API refuses, and what only tokens must heed.

The rules are those that users of subscriptions reported (bearer, betas, identity block); see also `anthropic_rules`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tests.upstreams.anthropic import anthropic
from tests.upstreams.anthropic_rules import RULES as ANTHROPIC_RULES, blocks
from tests.upstreams.plan import Plan
from tests.upstreams.rules import Asked, Refusal, Rule, into, text
from tests.upstreams.server import Raw, Reply, Request, Script

IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude."
BILLING_MARK = "x-anthropic-billing-header:"
NEEDED_BETAS = frozenset({"oauth-2025-04-20", "claude-code-20250219"})
TOKEN = "sk-ant-oat01-token-of-the-subscription"

SUBSCRIPTION_RULES: list[Rule] = []
rule = into(SUBSCRIPTION_RULES)

type Fields = Sequence[tuple[str, str]]


@rule(status=401)
def token_is_no_key(asked: Asked) -> Iterable[str]:
    if asked.request.values("x-api-key"):
        yield "invalid x-api-key"


@rule(status=401)
def bearer_token(asked: Asked) -> Iterable[str]:
    if asked.request.values("authorization") != (f"Bearer {TOKEN}",):
        yield "Invalid bearer token"


@rule(status=401)
def needed_betas(asked: Asked) -> Iterable[str]:
    given = [name.strip() for value in asked.request.values("anthropic-beta") for name in value.split(",")]
    if missing := sorted(NEEDED_BETAS.difference(given)):
        yield f"OAuth authentication is currently not supported: missing {missing}"
    if len(set(given)) != len(given):
        yield f"anthropic-beta: named twice: {given}"


@rule()
def beta_in_the_query(asked: Asked) -> Iterable[str]:
    if asked.request.query.split("&").count("beta=true") != 1:
        yield f"beta=true must stand once in the query, not {asked.request.query!r}"


@rule()
def identity_comes_first(asked: Asked) -> Iterable[str]:
    """Claude Code itself, which names itself in its User-Agent, has other identities for some of its modes."""
    system = asked.body.get("system")
    texts = [text(block.get("text")) for block in blocks(system)] if isinstance(system, list) else []
    own = [each for each in texts if not each.startswith(BILLING_MARK)]
    if own[:1] != [IDENTITY] and not text(asked.request.header("user-agent")).startswith("claude-cli/"):
        yield "This credential is only authorized for use with Claude Code and cannot be used for other API requests."
    if texts.count(IDENTITY) > 1:
        yield "the identity stands there twice"


RULES = (*SUBSCRIPTION_RULES, *ANTHROPIC_RULES)


def unified_limits(five_hours: float, seven_days: float, reset_s: int = 4_000_000_000) -> Fields:
    """The rate-limit headers of a subscription; the numbers are shares, `reset_s` is Unix time."""
    status = "rejected" if max(five_hours, seven_days) >= 1 else "allowed"
    prefix = "anthropic-ratelimit-unified"
    return (
        (f"{prefix}-status", status),
        (f"{prefix}-5h-utilization", str(five_hours)),
        (f"{prefix}-5h-reset", str(reset_s)),
        (f"{prefix}-5h-status", "rejected" if five_hours >= 1 else "allowed"),
        (f"{prefix}-7d-utilization", str(seven_days)),
        (f"{prefix}-7d-reset", str(reset_s)),
        (f"{prefix}-7d-status", "rejected" if seven_days >= 1 else "allowed"),
        (f"{prefix}-reset", str(reset_s)),
        (f"{prefix}-representative-claim", "five_hour"),
    )


def subscription(plan: Plan, refusals: list[Refusal], limits: Fields = ()) -> Script:
    """The script; every answer bears `limits`."""
    answer = anthropic(plan, refusals, RULES)

    def script(request: Request) -> Reply | Raw:
        reply = answer(request)
        return replace(reply, headers=(*reply.headers, *limits)) if isinstance(reply, Reply) else reply

    return script
