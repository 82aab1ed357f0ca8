"""Channel types `anthropic_gcp` and `gemini_vertex`: Anthropic's models, and Google's own, on Google Vertex AI.

Both are named in the path, below project and region. Of a body for Claude the model moves there and the version comes
in; counting keeps its model. A body for Gemini is as AI Studio's, but for counting, where it stands bare. The access
token is made from a service account by google-auth, or given as the channel's credential.
Source: Google, "Use Anthropic's Claude models", "Generate content with the Gemini API in Vertex AI", read 2026-11.
"""

from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import orjson
from pydantic import SecretStr

from axonhub.addons.channels.kinds import ChannelType, Outgoing
from axonhub.addons.config import Channel, Gcp
from axonhub.transformers.dialects import ANTHROPIC, GEMINI_VERTEX
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Unsupported

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_MOST_ACCOUNTS = 100
_COUNTER = "count-tokens"
_GEMINI_METHODS = ("generateContent", "streamGenerateContent", "countTokens")

_accounts: "OrderedDict[str, Credentials]" = OrderedDict()
"""By hash of the key file: a token is worth an hour."""


def adapt(outgoing: Outgoing, channel: Channel) -> Outgoing:
    """Claude."""
    gcp = project(channel)
    document: JsonObject = orjson.loads(outgoing.body)
    document["anthropic_version"] = gcp.anthropic_version
    if not outgoing.counting:
        document.pop("model", None)
    headers = {name: value for name, value in outgoing.headers.items() if name != "anthropic-version"}
    model = _COUNTER if outgoing.counting else outgoing.model
    method = "streamRawPredict" if outgoing.stream and not outgoing.counting else "rawPredict"
    url = address(channel, gcp, f"anthropic/models/{quote(model, safe='@:')}:{method}")
    return replace(outgoing, url=url, headers=headers, body=orjson.dumps(document))


def adapt_gemini(outgoing: Outgoing, channel: Channel) -> Outgoing:
    asked = urlsplit(outgoing.url)
    method = asked.path.rpartition(":")[2]
    if method not in _GEMINI_METHODS:
        raise Unsupported("Gemini on Vertex gives no embeddings in this form")
    model = quote(outgoing.model.removeprefix("models/"), safe="@:")
    url = address(channel, project(channel), f"google/models/{model}:{method}")
    return replace(
        outgoing,
        url=f"{url}?{asked.query}" if asked.query else url,
        body=counted(outgoing.body) if outgoing.counting else outgoing.body,
    )


def counted(body: bytes) -> bytes:
    """What is to be counted, bare; the very same object where it is."""
    document = orjson.loads(body)
    inside = document.get("generateContentRequest")
    if not isinstance(inside, dict):
        return body
    return orjson.dumps({name: value for name, value in inside.items() if name != "model"})


def project(channel: Channel) -> Gcp:
    if channel.settings.gcp is None:
        raise Unsupported("the channel has no settings.gcp")
    return channel.settings.gcp


def address(channel: Channel, gcp: Gcp, model_and_method: str) -> str:
    given = channel.settings.base_url_for_tests or channel.base_url
    prefix = "" if gcp.region == "global" else f"{gcp.region}-"
    root = (given or f"https://{prefix}aiplatform.googleapis.com").rstrip("/#")
    place = f"projects/{quote(gcp.project_id)}/locations/{quote(gcp.region)}/publishers"
    return f"{root}/v1/{place}/{model_and_method}"


def fetch_token(channel: Channel) -> SecretStr:
    """The service account's access token, refreshed when it has expired; else the channel's first credential."""
    gcp = channel.settings.gcp
    if gcp is None or gcp.credentials_json is None:
        return channel.api_keys[0] if channel.api_keys else SecretStr("")
    # Slow to import; this runs in a thread.
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.urllib3 import Request
    from urllib3 import PoolManager

    try:
        account = _account(gcp.credentials_json.get_secret_value())
        if not account.valid:
            account.refresh(Request(PoolManager()))  # type: ignore[no-untyped-call]  # google-auth
    except (GoogleAuthError, ValueError) as error:
        raise OSError(f"Google gives no access token: {type(error).__name__}") from error
    return SecretStr(str(account.token))


def _account(key_file: str) -> "Credentials":
    from google.oauth2.service_account import Credentials as ServiceAccount

    digest = sha256(key_file.encode()).hexdigest()
    if digest not in _accounts:
        info = orjson.loads(key_file)
        account = ServiceAccount.from_service_account_info(info, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        _accounts[digest] = account
        while len(_accounts) > _MOST_ACCOUNTS:
            _accounts.popitem(last=False)
    return _accounts[digest]


CHANNEL_TYPES = (
    ChannelType(
        "anthropic_gcp",
        ("anthropic/messages",),
        "https://aiplatform.googleapis.com",
        dialect=ANTHROPIC,
        counts_tokens=True,
        native_dialect=True,
        needs="gcp",
        adapt=adapt,
        fetch_token=fetch_token,
        title="Anthropic's models on Google Vertex AI (settings.gcp)",
    ),
    ChannelType(
        "gemini_vertex",
        ("gemini/generate_content",),
        "https://aiplatform.googleapis.com",
        dialect=GEMINI_VERTEX,
        counts_tokens=True,
        native_dialect=True,
        needs="gcp",
        adapt=adapt_gemini,
        fetch_token=fetch_token,
        title="Gemini on Google Vertex AI (settings.gcp)",
    ),
)
