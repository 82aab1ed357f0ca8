"""What a person may do about a failure of a channel: texts by kind of failure, for `channel test` and the console.

Pure: nothing is tried here, and no credential is in a text. A channel type that knows more than what is generally true
says it in its row (`ChannelType.advice`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from axonhub.addons.channels.kinds import ChannelType
from axonhub.addons.channels.serving import served_models, upstream_model
from axonhub.addons.config import Channel
from axonhub.transformers.hub.failures import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class Explanation:
    what: str
    """One sentence that tells what happened, with the provider's own words at its end."""
    advice: str
    """What to look at or to do."""


_WHAT: Final[Mapping[FailureKind, str]] = {
    FailureKind.INVALID_REQUEST: "The provider refused the request itself",
    FailureKind.CONTEXT_LENGTH: "The prompt is too long for the model",
    FailureKind.TOO_LARGE: "The request is too large for the provider",
    FailureKind.AUTHENTICATION: "The provider does not accept the channel's credential",
    FailureKind.PERMISSION: "The credential is known, but may not do this",
    FailureKind.NOT_FOUND: "The provider knows no such model or address",
    FailureKind.CONFLICT: "The provider was busy with something that excludes this request",
    FailureKind.RATE_LIMIT: "The provider wants fewer requests or tokens a minute",
    FailureKind.QUOTA: "The account has no credit or allowance left",
    FailureKind.TIMEOUT: "The provider did not answer in time",
    FailureKind.OVERLOADED: "The provider is overloaded",
    FailureKind.SERVER: "The provider failed, or its answer could not be read",
    FailureKind.NETWORK: "The provider could not be reached",
}

_ADVICE: Final[Mapping[FailureKind, str]] = {
    FailureKind.INVALID_REQUEST: "Check the channel's overrides and settings.dialect, and the model that is asked for.",
    FailureKind.CONTEXT_LENGTH: "Ask for less, or for a model with a longer context.",
    FailureKind.TOO_LARGE: "Send fewer or smaller images and files.",
    FailureKind.AUTHENTICATION: (
        "Check the channel's api_keys, and the environment variable that they name: was it copied whole, is it still "
        "valid, and does it belong to this provider and base_url?"
    ),
    FailureKind.PERMISSION: "Check in the provider's console what this key may use, and from which addresses.",
    FailureKind.NOT_FOUND: (
        "Check supported_models and model_mappings against the provider's own list, and base_url: a base_url that ends "
        "with # gets no version appended, one that ends with ## is used as it is."
    ),
    FailureKind.CONFLICT: "Try again.",
    FailureKind.RATE_LIMIT: "Wait, add a credential to api_keys, or set settings.rate_limit below the provider's.",
    FailureKind.QUOTA: "Look at the account's billing page; another credential or channel may answer meanwhile.",
    FailureKind.TIMEOUT: (
        "Try again; if it lasts, check the network and settings.proxy, or raise retry.first_event_timeout or "
        "server.llm_request_timeout for a slow model."
    ),
    FailureKind.OVERLOADED: "Wait and try again; another channel that serves the model would have been asked next.",
    FailureKind.SERVER: "Try again; if it lasts, see the provider's status page, and that base_url is the right one.",
    FailureKind.NETWORK: "Check base_url, and firewall, DNS, settings.proxy and certificates on the way there.",
}


def explained(failure: Failure, channel: Channel, kind: ChannelType) -> Explanation:
    """A failed try of a request on this channel, in words for a person."""
    status = "" if failure.status is None else f" (HTTP {failure.status})"
    words = f": {failure.message}" if failure.message else "."
    advice = kind.advice.get(failure.kind) or _ADVICE[failure.kind]
    return Explanation(f"{_WHAT[failure.kind]}{status}{words}", advice)


def empty_answer() -> Explanation:
    """For a test whose answer held neither text nor a tool call."""
    return Explanation(
        "The provider answered without any content.",
        "Ask for another model or with more max_tokens; where it lasts, set settings.empty_response_detection.",
    )


def not_served(channel: Channel, kind: ChannelType, model: str) -> Explanation | None:
    """Why a model cannot be had from this channel; None when it can."""
    if upstream_model(channel, kind, model) is not None:
        return None
    served = ", ".join(served_models(channel, kind)) or "nothing"
    return Explanation(
        f"The channel {channel.name!r} does not serve the model {model!r}: it has {served}.",
        "Add the model to the channel's supported_models, or map its name in model_mappings.",
    )


def not_usable(channel: Channel) -> Explanation | None:
    """Why a channel gets no requests of clients; None when it does. A test works on a disabled one all the same."""
    if channel.status == "enabled":
        return None
    if channel.disabled_reason:
        return Explanation(
            f"The channel {channel.name!r} is disabled: {channel.disabled_reason}.",
            "Set what is missing and start the gateway again, which reads the environment once.",
        )
    return Explanation(
        f"The channel {channel.name!r} is {channel.status}.", "Test it, then enable it: `axonhub channel enable NAME`."
    )


CLIENT_ADVICE: Final[Mapping[str, str]] = {
    "claude-code": (
        "Claude Code cannot connect: ANTHROPIC_BASE_URL must end with /anthropic and name the gateway's host and port, "
        "and a firewall must let the client through to it. Unexpected models: look at the key's active profile with "
        "`axonhub key list`, and at one name's way with `axonhub explain MODEL --key KEY`."
    ),
}
"""By client, for `axonhub env` and the console."""
