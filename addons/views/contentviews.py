"""mitmproxy content views: `llm-chat` (chosen by itself), `llm-rewrite`, and `llm-json`, which can be edited.

They read the flow's exchange where it is alive, and the story that is saved with the flow where it is not. None of them
raises, whatever the bytes.
"""

from dataclasses import dataclass

import orjson
from mitmproxy import contentviews, http
from mitmproxy.contentviews import Contentview, InteractiveContentview, Metadata, SyntaxHighlight

from axonhub.addons import editable_json
from axonhub.addons.exchange import Exchange, exchange_of
from axonhub.addons.masking import masked_text, secrets_of
from axonhub.addons.views import conversation, reading, rewriting
from axonhub.addons.views.story import METADATA, Story, differences, story
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.protocol import ProtocolError, WireProtocol
from axonhub.transformers.registry import discovered

_CHOSEN = 2.0
"""Above mitmproxy's own views of JSON and of event streams."""
_OFFERED = -1.0
_TOO_DEEP = (orjson.JSONEncodeError, RecursionError)
"""What comes of JSON that is nested hundreds of levels deep."""
_TYPES = ("application/json", "text/event-stream", None)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a view is asked to show."""

    data: bytes
    flow: http.HTTPFlow | None
    is_request: bool

    @property
    def exchange(self) -> Exchange | None:
        return exchange_of(self.flow) if self.flow else None

    @property
    def story(self) -> Story:
        if self.exchange:
            return story(self.exchange, compared=False)
        return Story.read(self.flow.metadata.get(METADATA) if self.flow else None)

    @property
    def protocol(self) -> WireProtocol | None:
        """None: no protocol of ours, as far as anybody can tell."""
        return self._told() or self._seen() or reading.protocol_by_words(self.data)

    @property
    def is_ours(self) -> bool:
        """By exchange, story or address; words alone are no reason to push mitmproxy's own view aside."""
        return (self._told() or self._seen()) is not None

    @property
    def status(self) -> int:
        return self.flow.response.status_code if self.flow and self.flow.response else 200

    @property
    def model(self) -> str:
        told = self.story
        tries = told.parts("attempts")
        return (tries[-1].text("model") if tries else "") or told.text("client", "model") or "?"

    def covered(self, text: str) -> str:
        """Without credentials. A flow's own bodies are covered when it has ended."""
        return masked_text(text, secrets_of(self.exchange.config)) if self.exchange else text

    def _told(self) -> WireProtocol | None:
        """What the client speaks; of a request that was sent on, what its channel speaks."""
        if self.exchange:
            tried = self.exchange.attempt if self.is_request else None
            return tried.protocol if tried else self.exchange.address.protocol
        told = Story.read(self.flow.metadata.get(METADATA) if self.flow else None)
        tries = told.parts("attempts") if self.is_request else []
        return discovered().get(tries[-1].text("protocol") if tries else told.text("client", "protocol"))

    def _seen(self) -> WireProtocol | None:
        if self.flow is None or self.flow.request.method != "POST":
            return None
        return reading.protocol_by_path(self.flow.request.path)


def subject(data: bytes, metadata: Metadata) -> Subject:
    flow = metadata.flow if isinstance(metadata.flow, http.HTTPFlow) else None
    return Subject(data, flow, not isinstance(metadata.http_message, http.Response))


class Chat(Contentview):
    """The conversation: of a request what the model is told, of an answer what it says."""

    name = "llm-chat"
    syntax_highlight: SyntaxHighlight = "none"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        shown = subject(data, metadata)
        protocol = shown.protocol
        if protocol is None:
            return _unreadable(data, "none of the LLM protocols that are known here")
        try:
            text = _request(shown, protocol) if _is_request(shown, metadata) else _answer(shown, protocol)
            return shown.covered(text)
        except (ProtocolError, *_TOO_DEEP) as error:
            return _unreadable(data, f"{protocol.name}: {error}")

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        if not data or metadata.content_type not in _TYPES or metadata.http_message is None:
            return _OFFERED
        return _CHOSEN if subject(data, metadata).is_ours else _OFFERED


class Rewrite(Contentview):
    """What became of the request, step by step, and why this channel."""

    name = "llm-rewrite"
    syntax_highlight: SyntaxHighlight = "none"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        shown = subject(data, metadata)
        told = shown.story
        if not told.values:
            return "This flow did not pass the gateway: nothing is known of what was done to it."
        exchange = shown.exchange
        changed = differences(exchange) if exchange else told.lines("changes")
        known = exchange or told.values.get("changes") is not None
        return shown.covered(rewriting.rewrite_text(told, changed if known else None))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return _OFFERED


class Json(InteractiveContentview):
    """The body as JSON that can be edited; saved as compact as clients write it."""

    name = "llm-json"
    syntax_highlight: SyntaxHighlight = "yaml"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        try:
            return editable_json.editable(data)
        except ProtocolError as error:
            return _unreadable(data, str(error))

    def reencode(self, prettified: str, metadata: Metadata) -> bytes:
        """Unreadable: mitmproxy shows why, and the body stays as it was."""
        return editable_json.saved(prettified)

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return _OFFERED


def register() -> None:
    """In mitmproxy's registry, in the place of those of an earlier load of the script."""
    for view in (Chat(), Rewrite(), Json()):
        contentviews.add(view)


def _is_request(shown: Subject, metadata: Metadata) -> bool:
    """A body without its message is a request when it reads as one."""
    return shown.is_request if metadata.http_message is not None else b'"role"' in shown.data[:2000]


def _request(shown: Subject, protocol: WireProtocol) -> str:
    read: Request = reading.read_request(shown.data, protocol, shown.model)
    return conversation.request_text(read)


def _answer(shown: Subject, protocol: WireProtocol) -> str:
    about = [*rewriting.timing(shown.story)]
    match reading.read_answer(shown.data, protocol, shown.status):
        case reading.Answer(response, failure, events, ended):
            how = [f"re-assembled from {events} events"] if events else []
            cut = [] if ended or failure else ["✗ the stream ended before its end"]
            return conversation.answer_text(response, failure, [*about, *how, *cut])
        case reading.Refused(status, failure):
            return conversation.failure_text(status, failure, about)
        case reading.Counted(tokens):
            return f"{tokens:,} input tokens"


def _unreadable(data: bytes, reason: str) -> str:
    text = data.decode("utf-8", "replace")
    return f"({reason})\n\n{text}"
