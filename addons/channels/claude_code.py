"""Channel type `claude-code`: a Claude Code subscription as a provider for any client.

The token that `claude setup-token` prints goes as a bearer token to Anthropic's standard address, with the betas that
it needs. The API answers only requests whose system prompt begins with Claude Code's identity, so that block is put in
front where it is missing; what Claude Code itself sends passes untouched. Nothing else of Claude Code is imitated: the
terms of the account decide what a subscription may be used for.
"""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from axonhub.addons.channels.kinds import ChannelType, Outgoing
from axonhub.addons.config import Channel
from axonhub.addons.provider_quota import read_unified
from axonhub.transformers.dialects import ANTHROPIC
from axonhub.transformers.hub.failures import FailureKind
from axonhub.transformers.json_types import Json, JsonObject
from axonhub.transformers.reminders import is_billing_block

IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude."
_BETAS = ("oauth-2025-04-20", "claude-code-20250219")
_OWN_AGENT = "claude-cli/"
"""How Claude Code begins its User-Agent, in whatever mode; in some of them it has another identity, or none."""
_FORCING = ("any", "tool")


def adapt(outgoing: Outgoing, channel: Channel) -> Outgoing:
    document: JsonObject = orjson.loads(outgoing.body)
    asked_betas = document.get("betas")
    own = [str(each) for each in asked_betas] if isinstance(asked_betas, list) else []
    headers = {**outgoing.headers, "anthropic-beta": betas(outgoing.headers.get("anthropic-beta", ""), own)}
    headers.setdefault("anthropic-version", "2023-06-01")
    body = outgoing.body
    if not is_claude_code(outgoing.headers, document):
        body = orjson.dumps(introduced(document))
    elif "betas" in document:  # the API takes them in the header only
        body = orjson.dumps({name: value for name, value in document.items() if name != "betas"})
    return replace(outgoing, url=with_beta(outgoing.url), headers=headers, body=body)


def with_beta(url: str) -> str:
    path, _, query = url.partition("?")
    asked = query.split("&") if query else []
    return path + "?" + "&".join(asked if "beta=true" in asked else [*asked, "beta=true"])


def betas(header: str, own: list[str]) -> str:
    """The client's betas first, then those that the subscription needs; none twice."""
    asked = [each.strip() for each in header.split(",")]
    return ",".join(dict.fromkeys(each for each in (*asked, *own, *_BETAS) if each))


def is_claude_code(headers: Mapping[str, str], document: JsonObject) -> bool:
    """Does the request come from Claude Code, or bear its identity already, as a block of its own?"""
    return headers.get("user-agent", "").startswith(_OWN_AGENT) or bears_identity(document.get("system"))


def bears_identity(system: Json) -> bool:
    """Claude Code may put a billing block in front of its identity."""
    texts = [_text(block) for block in system] if isinstance(system, list) else []
    own = (each for each in texts if not (isinstance(each, str) and is_billing_block(each)))
    return next(own, None) == IDENTITY


def introduced(document: JsonObject) -> JsonObject:
    """With the identity in front; the caller's own system prompt follows as further blocks."""
    identity: JsonObject = {"type": "text", "text": IDENTITY}
    rest = [block for block in _blocks(document.get("system")) if block != identity]
    changed = {**document, "system": [identity, *rest]}
    changed.pop("betas", None)
    choice = document.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") in _FORCING:
        changed.pop("thinking", None)  # the API refuses thinking together with a forced tool
    return changed


def _blocks(system: Json) -> list[Json]:
    if isinstance(system, list):
        return system
    return [{"type": "text", "text": system}] if isinstance(system, str) and system else []


def _text(block: Json) -> Json:
    return block.get("text") if isinstance(block, dict) else None


CHANNEL_TYPE = ChannelType(
    "claude-code",
    ("anthropic/messages",),
    "https://api.anthropic.com",
    dialect=ANTHROPIC,
    headers={"anthropic-version": "2023-06-01"},
    default_models=("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"),
    counts_tokens=True,
    native_dialect=True,
    credential_prefix="sk-ant",
    fixed_base_url=True,
    adapt=adapt,
    read_quota=read_unified,
    advice={
        FailureKind.AUTHENTICATION: (
            "The token was refused: it is mistyped, expired or revoked. Run `claude setup-token`, log in with the "
            "browser that it opens, and put the line that it prints (sk-ant…) into the channel's api_keys."
        ),
        FailureKind.PERMISSION: (
            "The subscription may not do this. Log in with `claude`, see whether it answers there with this model, and "
            "whether the account's subscription is active."
        ),
        FailureKind.INVALID_REQUEST: (
            "The subscription refuses what is not from Claude Code, or a beta that it does not have. The provider's "
            "own words say which."
        ),
        FailureKind.RATE_LIMIT: (
            "The subscription's allowance for 5 hours or 7 days is used up; it comes back by itself. Meanwhile other "
            "channels that serve the model are asked first."
        ),
        FailureKind.NETWORK: (
            "The subscription is reached at https://api.anthropic.com, whatever base_url says: look at firewall, DNS, "
            "proxy and certificates on the way there."
        ),
    },
    title="A Claude Code subscription (token of `claude setup-token`)",
)
