"""Embeddings between two protocols: the one step that they have in common with nothing else."""

from axonhub.addons.exchange import Attempt, Exchange
from axonhub.transformers.hub.embeddings import EmbeddingRequest
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import EmbeddingsClient, EmbeddingsProvider, Unsupported, Written


def written(exchange: Exchange, attempt: Attempt) -> Written:
    """The client's request in the words of the attempt's provider. Unreadable, Unsupported."""
    provider = _provider(attempt)
    return provider.write_request(_request(exchange, attempt.candidate.model))


def converted(exchange: Exchange, attempt: Attempt, answer: JsonObject) -> tuple[JsonObject, Usage]:
    """The provider's answer in the words of the client. Unreadable."""
    response = _provider(attempt).read_response(answer)
    return _client(exchange).write_response(response, _request(exchange, exchange.asked_model)), response.usage


def usage(exchange: Exchange, answer: JsonObject) -> Usage:
    """Of an answer that passes untouched."""
    return _client(exchange).read_usage(answer)


def _request(exchange: Exchange, model: str) -> EmbeddingRequest:
    return _client(exchange).read_request({**exchange.document, "model": model})


def _client(exchange: Exchange) -> EmbeddingsClient:
    client = exchange.address.protocol.embeddings_client
    assert client is not None  # the routes know no other
    return client


def _provider(attempt: Attempt) -> EmbeddingsProvider:
    provider = attempt.protocol.embeddings_provider
    if provider is None:
        raise Unsupported(f"The channel {attempt.candidate.channel.name!r} gives no embeddings.")
    return provider
