"""The input tokens of an exchange, estimated by us: where no provider counts, and before one has told."""

import asyncio
from dataclasses import replace

from axonhub.addons.exchange import Exchange
from axonhub.transformers.dialect import Dialect, Vocabulary
from axonhub.transformers.token_estimate import estimated_tokens
from axonhub.transformers.token_vocabulary import warm

_THREAD_BYTES = 64 * 1024
"""Larger bodies are counted in a thread: the loop serves others meanwhile."""
_warm: set[Vocabulary] = set()


async def input_tokens(exchange: Exchange, model: str, dialect: Dialect) -> int:
    """What this model of a channel with this dialect would count. ProtocolError when the request is not readable."""
    request = replace(exchange.hub_request(), model=model)
    if dialect.vocabulary not in _warm:
        await asyncio.to_thread(warm, dialect.vocabulary)
        _warm.add(dialect.vocabulary)
    if len(exchange.body) < _THREAD_BYTES:
        return estimated_tokens(request, dialect)
    return await asyncio.to_thread(estimated_tokens, request, dialect)
