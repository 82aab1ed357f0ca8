"""What a client does not hear of an answer, because its protocol has no word for it: losses, as those of requests."""

from collections.abc import Iterator

from axonhub.transformers.citations import web_citation
from axonhub.transformers.hub.parts import Hosted, Part, Text, Unknown
from axonhub.transformers.hub.responses import Response, StopReason
from axonhub.transformers.protocol import Loss, WireProtocol


def unheard(answer: Response, protocol: WireProtocol) -> tuple[Loss, ...]:
    """Of an answer that was converted for a client of this protocol; paths as in Anthropic's answers."""
    return (*_ending(answer, protocol), *_parts(answer.parts, protocol), *_usage(answer, protocol))


def _ending(answer: Response, protocol: WireProtocol) -> Iterator[Loss]:
    if answer.stop is StopReason.PAUSE and "pause" not in protocol.hears:
        yield Loss("answer.stop_reason", "the provider's own tools need another round, which this client cannot know")
    if answer.stop_word is not None:
        yield Loss("answer.stop_reason", f"the reason {answer.stop_word!r} is not known; told as {answer.stop}")
    if answer.stop_sequence is not None and "stop_sequence" not in protocol.hears:
        yield Loss("answer.stop_sequence", "which of the stop sequences was met", "info")


def _parts(parts: tuple[Part, ...], protocol: WireProtocol) -> Iterator[Loss]:
    for index, part in enumerate(parts):
        place = f"answer.content[{index}]"
        match part:
            case Hosted(kind, native) | Unknown(kind, native) if native.protocol != protocol.name:
                yield Loss(place, f"only {native.protocol} has {kind!r}", "info")
            case Text():
                yield from _text(part, place, protocol)
            case _:
                pass


def _text(part: Text, place: str, protocol: WireProtocol) -> Iterator[Loss]:
    if part.logprobs and "logprobs" not in protocol.hears:
        yield Loss(f"{place}.logprobs", "log probabilities", "info")
    if "document_citations" not in protocol.hears and any(web_citation(each) is None for each in part.annotations):
        yield Loss(f"{place}.citations", "citations of documents", "info")


def _usage(answer: Response, protocol: WireProtocol) -> Iterator[Loss]:
    written = answer.usage.cache_write_5m_tokens or answer.usage.cache_write_1h_tokens
    if written and "cache_writes" not in protocol.hears:
        yield Loss("answer.usage", "tokens written to the provider's cache count as input", "info")
