"""Channel type `anthropic_aws`: Anthropic's models on AWS Bedrock.

The model moves from the body to the path, the version and the betas move into the body, the request is signed (SigV4,
by botocore), and the answer's stream comes as AWS frames, each of which holds one of Anthropic's events.
Source: AWS, "InvokeModelWithResponseStream" and "Anthropic Claude Messages API", read 2026-11.
"""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson

from axonhub.addons.channels.kinds import ChannelType, Outgoing
from axonhub.addons.config import Aws, Channel
from axonhub.transformers.dialects import ANTHROPIC
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Unreadable, Unsupported

if TYPE_CHECKING:
    from botocore.eventstream import EventStreamMessage

_SERVICE = "bedrock"
_OVERLOAD = frozenset(("throttlingException", "serviceUnavailableException", "modelNotReadyException"))


def adapt(outgoing: Outgoing, channel: Channel) -> Outgoing:
    aws = channel.settings.aws
    if aws is None:
        raise Unsupported("the channel has no settings.aws")
    if outgoing.counting:
        raise Unsupported("Bedrock counts no tokens")
    operation = "invoke-with-response-stream" if outgoing.stream else "invoke"
    root = channel.settings.base_url_for_tests or channel.base_url or CHANNEL_TYPE.base_url
    url = f"{root.format(region=aws.region).rstrip('/#')}/model/{quote(outgoing.model, safe=':')}/{operation}"
    headers = {name: value for name, value in outgoing.headers.items() if not name.startswith("anthropic-")}
    body = orjson.dumps(bedrock_body(outgoing, aws))
    return replace(outgoing, url=url, headers=headers, body=body)


def sign(outgoing: Outgoing, channel: Channel) -> Outgoing:
    aws = channel.settings.aws
    assert aws is not None  # `adapt` came before
    return replace(outgoing, secret_headers=signature(outgoing, aws))


def prepare() -> None:
    """botocore takes long to import, which commands need not wait for."""
    import botocore.auth
    import botocore.eventstream  # noqa: F401  # the import is what it is about


def bedrock_body(outgoing: Outgoing, aws: Aws) -> JsonObject:
    """Anthropic's body without the members that Bedrock keeps elsewhere, with those that it wants inside."""
    document: JsonObject = orjson.loads(outgoing.body)
    for moved in ("model", "stream"):
        document.pop(moved, None)
    document["anthropic_version"] = aws.anthropic_version
    asked = [each.strip() for each in outgoing.headers.get("anthropic-beta", "").split(",")]
    if betas := [each for each in asked if each and aws.takes_beta(each)]:
        document["anthropic_beta"] = [*betas]
    return document


def signature(outgoing: Outgoing, aws: Aws) -> dict[str, str]:
    """The headers of AWS Signature Version 4, which is of this moment."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    token = aws.session_token.get_secret_value() if aws.session_token else None
    credentials = Credentials(aws.access_key_id, aws.secret_access_key.get_secret_value(), token)
    request = AWSRequest("POST", outgoing.url, {"content-type": "application/json"}, outgoing.body)
    SigV4Auth(credentials, _SERVICE, aws.region).add_auth(request)
    signed = {name.lower(): value for name, value in request.headers.items()}
    return {name: value for name, value in signed.items() if name == "authorization" or name.startswith("x-amz-")}


def decode_stream() -> Callable[[bytes], bytes]:
    """AWS event-stream frames → the events that Anthropic's own service would have sent. Raises Unreadable."""
    from botocore.eventstream import EventStreamBuffer, ParserError

    buffer = EventStreamBuffer()

    def decode(piece: bytes) -> bytes:
        buffer.add_data(piece)
        try:
            return b"".join(event_text(message) for message in buffer)
        except ParserError as error:
            raise Unreadable(f"broken AWS frame: {error}") from error

    return decode


def event_text(message: "EventStreamMessage") -> bytes:
    kind = message.headers.get(":message-type")
    payload = orjson.loads(message.payload or b"{}")
    if kind in ("exception", "error"):
        return failed(str(message.headers.get(":exception-type") or message.headers.get(":error-code")), payload)
    held = payload.get("bytes")
    if not isinstance(held, str):
        return b""
    data = b64decode(held)
    return b"event: %s\ndata: %s\n\n" % (str(orjson.loads(data).get("type", "")).encode(), data)


def failed(code: str, payload: JsonObject) -> bytes:
    kind = "overloaded_error" if code in _OVERLOAD else "api_error"
    error: JsonObject = {"type": kind, "message": f"{code}: {payload.get('message', '')}"}
    return b"event: error\ndata: %s\n\n" % orjson.dumps({"type": "error", "error": error})


CHANNEL_TYPE = ChannelType(
    "anthropic_aws",
    ("anthropic/messages",),
    "https://bedrock-runtime.{region}.amazonaws.com",
    auth="none",
    dialect=ANTHROPIC,
    native_dialect=True,
    needs="aws",
    adapt=adapt,
    sign=sign,
    decode_stream=decode_stream,
    prepare=prepare,
    title="Anthropic's models on AWS Bedrock (settings.aws)",
)
