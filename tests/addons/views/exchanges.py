"""Exchanges with a flow, as they are when the answer has gone out."""

import json

from mitmproxy.http import HTTPFlow, Response
from mitmproxy.test.tflow import tflow

from axonhub.addons.config import ApiKey, Channel, Config, Mapping, Profile
from axonhub.addons.exchange import Attempt, Candidate, Exchange, Score, TraceIds, open_exchange
from axonhub.addons.routes import claim
from axonhub.transformers.hub.usage import Usage
from axonhub.transformers.protocol import Loss
from axonhub.transformers.registry import discovered

CREDENTIAL = "sk-a-credential-of-a-channel"
CHANNEL = Channel(name="deepseek", type="deepseek", api_keys=(CREDENTIAL,), supported_models=("deepseek-chat",))
PROFILE = Profile(name="cheap", model_mappings=(Mapping.model_validate({"from": "claude-.*", "to": "deepseek-chat"}),))
ASKED = {"model": "claude-haiku-4-5", "max_tokens": 9, "top_k": 3, "messages": [{"role": "user", "content": "hello"}]}
SENT = {"model": "deepseek-chat", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
SAID = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}


def finished(**given: object) -> Exchange:
    """A request that was renamed, converted and answered."""
    body, sent = json.dumps(ASKED).encode(), json.dumps(SENT).encode()
    candidate = Candidate(CHANNEL, "deepseek-chat", (Score("weight", 50.0), Score("errors", -8.0, "2 of late")))
    attempt = Attempt(
        candidate,
        discovered()["openai/chat"],
        None,
        1.0,
        converted=True,
        losses=(Loss("top_k", "not known there"),),
        request_body=sent,
        status=200,
        first_event_s=1.5,
        ended_s=2.0,
    )
    exchange = Exchange("req_1", 1.0, Config(channels=(CHANNEL,)), claim("POST", "/v1/messages", {}), "/v1/messages")
    exchange.api_key, exchange.profile = ApiKey(name="me", key="ah-key-of-the-caller"), PROFILE
    exchange.trace = TraceIds("trace-1", "", "")
    exchange.asked_model, exchange.wanted_model = "claude-haiku-4-5", "deepseek-chat"
    exchange.body, exchange.document = body, dict(ASKED)
    exchange.candidates, exchange.attempts = [candidate], [attempt]
    exchange.usage, exchange.status = Usage(fresh_tokens=1200, cache_read_tokens=34, output_tokens=5), 200
    exchange.first_byte_s, exchange.ended_s = 1.5, 2.0
    for name, value in given.items():
        setattr(exchange, name, value)
    return exchange


def shown_in(exchange: Exchange, answer: bytes = b"{}") -> HTTPFlow:
    """A flow of that exchange, as mitmproxy shows it: the request is the channel's, the answer the client's."""
    flow = tflow(resp=True)
    flow.request.method, flow.request.path = "POST", "/v1/chat/completions"
    flow.request.content = exchange.attempts[-1].request_body if exchange.attempts else exchange.body
    flow.request.headers["content-type"] = "application/json"
    flow.response = Response.make(exchange.status or 200, answer, {"content-type": "application/json"})
    open_exchange(flow, exchange)
    return flow
