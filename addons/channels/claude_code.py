"""Channel type `claude-code`: a Claude Code subscription as a provider for any client.

The token that `claude setup-token` prints goes as a bearer token to Anthropic's standard address, with the betas that
it needs. The API answers only requests whose system prompt begins with Claude Code's identity, so that block is put in
front where it is missing; what Claude Code itself sends passes untouched. Nothing else of Claude Code is imitated: the
terms of the account decide what a subscription may be used for.
"""

from dataclasses import replace

import orjson

from axonhub.addons.channels.kinds import ChannelType, Outgoing
from axonhub.addons.config import Channel
from axonhub.transformers.dialects import ANTHROPIC
from axonhub.transformers.json_types import Json, JsonObject

IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude."
_BETAS = ("oauth-2025-04-20", "claude-code-20250219")
_IDENTITY_PLACES = 2
"""Claude Code may put a billing block in front of its identity."""


def adapt(outgoing: Outgoing, channel: Channel) -> Outgoing:
    document: JsonObject = orjson.loads(outgoing.body)
    asked_betas = document.get("betas")
    own = [str(each) for each in asked_betas] if isinstance(asked_betas, list) else []
    headers = {**outgoing.headers, "anthropic-beta": betas(outgoing.headers.get("anthropic-beta", ""), own)}
    headers.setdefault("anthropic-version", "2023-06-01")
    body = outgoing.body if is_claude_code(document) else orjson.dumps(introduced(document))
    return replace(outgoing, url=with_beta(outgoing.url), headers=headers, body=body)


def with_beta(url: str) -> str:
    path, _, query = url.partition("?")
    asked = query.split("&") if query else []
    return path + "?" + "&".join(asked if "beta=true" in asked else [*asked, "beta=true"])


def betas(header: str, own: list[str]) -> str:
    """The client's betas first, then those that the subscription needs; none twice."""
    asked = [each.strip() for each in header.split(",")]
    return ",".join(dict.fromkeys(each for each in (*asked, *own, *_BETAS) if each))


def is_claude_code(document: JsonObject) -> bool:
    """Does the request bear the identity already, as a block of its own?"""
    return any(_text(block) == IDENTITY for block in _blocks(document.get("system"))[:_IDENTITY_PLACES])


def introduced(document: JsonObject) -> JsonObject:
    """With the identity in front; the caller's own system prompt follows as further blocks."""
    identity: JsonObject = {"type": "text", "text": IDENTITY}
    changed = {**document, "system": [identity, *_blocks(document.get("system"))]}
    changed.pop("betas", None)
    choice = document.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") in ("any", "tool"):
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
    title="A Claude Code subscription (token of `claude setup-token`)",
)
