"""Every member of every request type of the official SDKs has a fate: kept, translated, lost and recorded, or refused.

A whole request is converted once without and once with the member. What the converter does with it shows: the body
differs, another loss is recorded, or the request is refused. None of the three is silence.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache

import httpx2
import pytest
from anthropic.types.beta import BetaContentBlockParam, message_create_params
from google import genai
from google.genai import types as google
from openai.types.chat import ChatCompletionMessageParam, completion_create_params
from openai.types.responses import ResponseInputItemParam, response_create_params

from axonhub.transformers.dialect import Dialect
from axonhub.transformers.dialects import ANTHROPIC, GEMINI, OPENAI, RESPONSES
from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.protocol import Unreadable, Unsupported, WireProtocol
from axonhub.transformers.registry import discovered
from tests.judges.sdk import NOT_ASKED
from tests.transformers.sdk_types import ABSENT, Member, Walker

CHAT, RESPONSES_API, MESSAGES, GENERATE = (
    discovered()[name] for name in ("openai/chat", "openai/responses", "anthropic/messages", "gemini/generate_content")
)
DIALECTS: dict[WireProtocol, Dialect] = {
    CHAT: OPENAI,
    RESPONSES_API: RESPONSES,
    MESSAGES: ANTHROPIC,
    GENERATE: GEMINI,
}

type Pair = tuple[str, JsonObject, JsonObject]
"""Path of a member, and a body without and with it."""

PNG = "iVBORw0KGgoAAAANSUhEUg=="


# -- anthropic


def anthropic_body(user: object = None, assistant: object = None) -> JsonObject:
    call = {"type": "tool_use", "id": "call_1", "name": "ls", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "ok"}
    said = assistant or {"type": "text", "text": "a"}
    return {
        "model": "m",
        "max_tokens": 100,
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [said] if kind(said) == "tool_use" else [said, call]},
            {"role": "user", "content": [user] if kind(user) == "tool_result" else [result, *([user] if user else [])]},
        ],
    }


def kind(block: object) -> object:
    return block.get("type") if isinstance(block, dict) else None


ANTHROPIC_HINTS = {
    "!MessageCreateParamsStreaming.tools": [{"name": "ls", "input_schema": {"type": "object", "properties": {}}}],
    "name": "ls",
    "messages": [{"role": "user", "content": "hi"}],
    "model": "gpt-5",
    "id": "call_1",
    "tool_use_id": "call_1",
    "data": PNG,
    "BetaPlainTextSourceParam.data": "words",
    "BetaBase64PDFSourceParam.data": "JVBERi0xLjQK",
    "input_schema": {"type": "object", "properties": {}},
    "schema": {"type": "object", "properties": {}, "additionalProperties": False},
    "max_tokens": 100,
    "budget_tokens": 2000,
    "signature": "EqoBCkgIARABGAIiQJ1m",
}


def anthropic_pairs() -> Iterator[Pair]:
    walker = Walker(ANTHROPIC_HINTS)
    for member in walker.members(message_create_params.MessageCreateParamsStreaming, ""):
        yield from pair("", member, lambda value: value)
    for member in walker.members(BetaContentBlockParam, ""):
        if member.path.startswith(BY_THE_USER):
            yield from pair("user", member, lambda value: anthropic_body(user=value))
        if not member.path.startswith(BY_THE_USER[1:]):
            yield from pair("assistant", member, lambda value: anthropic_body(assistant=value))


BY_THE_USER = ("<text>", "<image>", "<document>", "<search_result>", "<tool_result>", "<container_upload>")
"""Blocks that only a user's message may hold, but for text."""


def pair(prefix: str, member: Member, embed: Callable[[object], JsonObject]) -> Iterator[Pair]:
    before = embed(None if member.before is ABSENT else member.before)
    yield f"{prefix}{member.path}", before, embed(member.after)


# -- openai chat


def chat_body(message: JsonObject | None) -> JsonObject:
    call = {"id": "call_1", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call]}
    legacy = {"role": "assistant", "content": None, "function_call": {"name": "ls", "arguments": "{}"}}
    answer = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}
    user = {"role": "user", "content": "hi"}
    if message is None:
        return {"model": "m", "messages": [user, asked, answer, user]}
    around = {
        "assistant": [user, message, *([answer] if message.get("tool_calls") else []), user],
        "tool": [user, asked, message],
        "function": [user, legacy, message],
    }
    return {"model": "m", "messages": around.get(str(message.get("role")), [user, asked, answer, message, user])}


CHAT_HINTS = {
    "!CompletionCreateParamsStreaming.tools": [{"type": "function", "function": {"name": "ls"}}],
    "ChatCompletionAllowedToolsParam.tools": [{"type": "function", "function": {"name": "ls"}}],
    "messages": [{"role": "user", "content": "hi"}],
    "model": "gpt-5",
    "reasoning_effort": "high",
    "Function.name": "old",
    "id": "call_1",
    "tool_call_id": "call_1",
    "arguments": '{"a": 1}',
    "url": f"data:image/png;base64,{PNG}",
    "file_data": "data:application/pdf;base64,JVBERi0xLjQK",
    "InputAudio.data": "aGk=",
    "!FileFile.file_data": "data:application/pdf;base64,JVBERi0xLjQK",
    "schema": {"type": "object", "properties": {}},
    "parameters": {"type": "object", "properties": {}},
    "name": "ls",
    "logit_bias": {"50256": -100},
    "n": 1,
}


def chat_pairs() -> Iterator[Pair]:
    walker = Walker(CHAT_HINTS)
    for member in walker.members(completion_create_params.CompletionCreateParamsStreaming, ""):
        yield from pair("", member, lambda value: value)
    for member in walker.members(ChatCompletionMessageParam, "messages[]"):
        yield from pair("", member, chat_body)


# -- openai responses


def responses_body(item: JsonObject | None) -> JsonObject:
    user = {"type": "message", "role": "user", "content": "hi"}
    said = {"type": "message", "role": "assistant", "content": "so"}
    if item is None:
        return {"model": "m", "input": [user, said, user]}
    kind = str(item.get("type"))
    calls = {
        "function_call_output": {"type": "function_call", "call_id": "call_1", "name": "ls", "arguments": "{}"},
        "custom_tool_call_output": {"type": "custom_tool_call", "call_id": "call_1", "name": "ls", "input": "x"},
    }
    results = {
        "function_call": {"type": "function_call_output", "call_id": "call_1", "output": "ok"},
        "custom_tool_call": {"type": "custom_tool_call_output", "call_id": "call_1", "output": "ok"},
    }
    before = [calls[kind]] if kind in calls else []
    after = [results[kind]] if kind in results else [said]
    return {"model": "m", "input": [user, *before, item, *after, user]}


RESPONSES_HINTS = {
    "!ResponseCreateParamsStreaming.tools": [{"type": "function", "name": "ls", "parameters": {}, "strict": False}],
    "!ResponseCreateParamsStreaming.input": "hi",
    "!ResponseCreateParamsStreaming.model": "gpt-5",
    "!ResponseInputImageParam.image_url": f"data:image/png;base64,{PNG}",
    "!ResponseInputFileParam.file_data": "data:application/pdf;base64,JVBERi0xLjQK",
    "ToolChoiceAllowedParam.tools": [{"type": "function", "name": "ls"}],
    "input": "hi",
    "model": "gpt-5",
    "effort": "high",
    "!FunctionCallOutput.call_id": "call_1",
    "!ResponseInputImageContentParam.image_url": f"data:image/png;base64,{PNG}",
    "!ResponseInputFileContentParam.file_data": "data:application/pdf;base64,JVBERi0xLjQK",
    "call_id": "call_1",
    "arguments": '{"a": 1}',
    "image_url": f"data:image/png;base64,{PNG}",
    "file_data": "data:application/pdf;base64,JVBERi0xLjQK",
    "schema": {"type": "object", "properties": {}},
    "parameters": {"type": "object", "properties": {}},
    "name": "ls",
    "ResponseReasoningItemParam.id": "rs_1",
    "ResponseFunctionToolCallParam.id": "fc_1",
    "ResponseCustomToolCallParam.id": "ctc_1",
}


def responses_pairs() -> Iterator[Pair]:
    walker = Walker(RESPONSES_HINTS)
    for member in walker.members(response_create_params.ResponseCreateParamsStreaming, ""):
        yield from pair("", member, lambda value: value)
    for member in walker.members(ResponseInputItemParam, "input[]"):
        yield from pair("", member, responses_body)


# -- gemini: its SDK is asked how a member looks on the wire


GEMINI_HINTS = {
    "http_options": {"timeout": 1000},
    "system_instruction": "words",
    "tools": [{"google_search": {}}],
    "response_schema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
    "response_json_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
    "parameters_json_schema": {"type": "object", "properties": {}},
    "response_modalities": ["TEXT"],
    "response_mime_type": "application/json",
    "candidate_count": 1,
    "top_k": 5,
    "thinking_budget": 2000,
    "!Blob.data": PNG,
    "!Blob.mime_type": "image/png",
    "!FileData.file_uri": "https://a.example/a.png",
    "!FileData.mime_type": "image/png",
    "!FunctionCall.name": "ls",
    "!FunctionCall.args": {"a": 1},
    "!FunctionResponse.name": "ls",
    "!FunctionResponse.response": {"output": "ok"},
    "FunctionCall.id": "call_1",
    "FunctionResponse.id": "call_1",
    "!FunctionResponseBlob.data": PNG,
    "!FunctionResponseBlob.mime_type": "image/png",
    "!FunctionResponseFileData.file_uri": "https://a.example/a.png",
    "!FunctionResponseFileData.mime_type": "image/png",
    "!ExecutableCode.code": "print(1)",
    "!ExecutableCode.language": "PYTHON",
    "!CodeExecutionResult.outcome": "OUTCOME_OK",
    "!FunctionDeclaration.name": "ls",
    "!Schema.type": "STRING",
    "!FunctionDeclaration.parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
}
DATA = frozenset(
    "text inline_data file_data function_call function_response executable_code code_execution_result tool_call "
    "tool_response".split()
)
"""A part has exactly one of these."""
CALL = {"function_call": {"name": "ls", "args": {}, "id": "call_1"}}
RESULT = {"function_response": {"name": "ls", "response": {"output": "ok"}, "id": "call_1"}}


def gemini_pairs() -> Iterator[Pair]:
    walker = Walker(GEMINI_HINTS)
    declared = {"tools": [{"function_declarations": [{"name": "ls"}]}]}
    as_json = {"response_mime_type": "application/json"}
    for member in walker.members(google.GenerateContentConfig, ""):
        yield from wire_pair("config.", member, lambda value: ({**declared, **value}, []))
    for member in walker.members(google.Tool, ""):
        yield from wire_pair("tools[].", member, lambda value: ({"tools": [value]} if value else {}, []))
    for member in walker.members(google.Schema, ""):
        yield from wire_pair("schema.", member, lambda value: ({**as_json, "response_schema": value}, []))
    for member in walker.members(google.Part, ""):
        whole = Member(member.path, ABSENT, member.after) if member.path in DATA else member
        top = member.path.split(".")[0]
        if top == "function_response":
            # It stands in every user's turn of these conversations, so it is no member of its own.
            yield from wire_pair("user.", member, lambda value: ({}, user_part(value))) if member.path != top else ()
            continue
        if top != "function_call":
            yield from wire_pair("user.", whole, lambda value: ({}, user_part(value)))
        yield from wire_pair("model.", whole, lambda value: ({}, model_part(value)))


def user_part(part: dict | None) -> list[dict]:
    parts = [RESULT] if part is None else [part] if "function_response" in part else [RESULT, with_text(part)]
    return [turn("user", {"text": "hi"}), turn("model", CALL), turn("user", *parts)]


def model_part(part: dict | None) -> list[dict]:
    said = [] if part is None else [with_text(part)]
    answer = RESULT if part and "function_call" in part else {"text": "go"}
    return [turn("user", {"text": "hi"}), turn("model", {"text": "so"}, *said), turn("user", answer)]


def turn(role: str, *parts: dict) -> dict:
    return {"role": role, "parts": list(parts)}


def with_text(part: dict) -> dict:
    return part if DATA & part.keys() else {"text": "words", **part}


def wire_pair(prefix: str, member: Member, said: Callable[[object], tuple[dict, list[dict]]]) -> Iterator[Pair]:
    """Nothing for what this SDK cannot send, or keeps to itself."""
    try:
        before = wire(*said(None if member.before is ABSENT else member.before))
        after = wire(*said(member.after))
    except (ValueError, TypeError, AttributeError):
        return
    yield f"{prefix}{member.path}", before, after


def wire(config: dict, contents: list[dict]) -> JsonObject:
    """What google-genai sends."""
    client, sent = gemini_client()
    sent.clear()
    client.models.generate_content(
        model="m",
        contents=[google.Content.model_validate(each) for each in contents] or "hi",
        config=google.GenerateContentConfig.model_validate(config),
    )
    return json.loads(sent[0])


@cache
def gemini_client() -> tuple[genai.Client, list[bytes]]:
    """A client, and the bodies that it sends; nothing leaves the process."""
    sent: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.content)
        return httpx2.Response(200, json={"candidates": [{"content": {"parts": [{"text": "x"}]}}]})

    options = google.HttpOptions(base_url=NOT_ASKED, httpx_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    return genai.Client(api_key="k", http_options=options), sent


PAIRS: dict[WireProtocol, Callable[[], Iterator[Pair]]] = {
    CHAT: chat_pairs,
    RESPONSES_API: responses_pairs,
    MESSAGES: anthropic_pairs,
    GENERATE: gemini_pairs,
}


@cache
def pairs(client: WireProtocol) -> list[Pair]:
    return list(PAIRS[client]())


# -- fates


def outcome(client: WireProtocol, body: JsonObject, provider: WireProtocol) -> object:
    """What becomes of a body: the provider's request and the losses, or why it is refused."""
    request = client.read_request(body, None if "model" in body else "m", True if client is GENERATE else None)
    try:
        written = provider.write_request(request, DIALECTS[provider])
    except Unsupported as error:
        return "refused", str(error)
    endpoint = provider.endpoint("generate", request.model, request.stream)
    losses = sorted((loss.path, loss.reason) for loss in written.losses)
    return json.dumps(written.body, sort_keys=True), losses, endpoint


def fate(client: WireProtocol, before: JsonObject, after: JsonObject, provider: WireProtocol) -> str:
    """`gone`: lost or refused whole, so that the members inside have no fate of their own."""
    with_ = outcome(client, after, provider)
    try:
        without = outcome(client, before, provider)
    except Unreadable:
        return "translated"  # a member that must be there
    if without == with_:
        return "gone" if with_[0] == "refused" else "silent"
    if with_[0] == "refused":
        return "gone"
    if without[0] == "refused" or without[1] == with_[1]:
        return "translated"
    return "gone" if without[0] == with_[0] else "lost"


def without_empty(value: object) -> object:
    """Empty objects and lists ask for nothing."""
    if isinstance(value, dict):
        kept = {name: without_empty(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, {}, [])}
    return [without_empty(each) for each in value] if isinstance(value, list) else value


WHOLE = re.compile(r"(?:>|\]|^(?:user|model|tools\[\])\.\w+)$")
"""Arms of unions, and members of Gemini's parts and tools: a loss recorded for one is of it as a whole."""


@cache
def silent(client: WireProtocol, provider: WireProtocol) -> list[str]:
    found, gone = [], []
    for path, before, after in pairs(client):
        if before == after or path.startswith(tuple(gone)):
            continue
        try:
            told = fate(client, before, after, provider)
        except Unreadable as error:
            found.append(f"{path}: {error}")
            continue
        if told == "gone" or (told == "lost" and WHOLE.search(path)):
            gone += [f"{path}.", f"{path}<", f"{path}["]
        if told == "silent" and without_empty(before) != without_empty(after):
            found.append(path)
    return found


# -- what may be silent, and why


SAYS_NOTHING: tuple[tuple[str, str], ...] = (
    # A protocol's own defaults ask for nothing.
    (r"(?:parameters|functions\[\]\.parameters)$", "an empty schema is what is sent where there is none"),
    (r"<web_search\w*>\.user_location(?:\.type)?$|^web_search_options\.user_location$", "a place without a name"),
    (r"^response_format(?:<text>)?$|^text\.format(?:<text>)?$", "text is what an answer is anyway"),
    (r"^input\[\]<configuration_update>(?:\.text)?$", "nothing, or plain text, is asked for"),
    (r"<image_generation_call>\.output_format$", "png is what an image is anyway"),
    (r"^(?:n|config\.candidate_count)$", "one answer is what everybody gives"),
    (r"^config\.response_modalities$", "text is what an answer is anyway"),
    (r"^service_tier$", "auto is what holds where nothing is said"),
    (r"^parallel_tool_calls$", "parallel calls are allowed where nothing is said"),
    (r"\.image_url\.detail$", "auto is what holds where nothing is said"),
    (r"tools\[\]<custom>\.(?:custom\.)?format(?:<text>)?$", "plain text is what a freeform tool takes anyway"),
    (r"<BetaToolParam>\.type$|<(?:EasyInputMessageParam|Message)>\.type$", "the type that holds without it"),
    # What others do without being asked.
    (r"json_schema>\.(?:json_schema\.)?strict$", "Anthropic and Gemini always hold to the schema"),
    (r"^stream_options\.include_usage$", "the gateway writes the usage chunk itself, from what every provider tells"),
    (r"^thinking<\w+>\.display$", "chat shows the reasoning as it comes, Gemini is always asked for it"),
    (r"^stream_options\.include_obfuscation$", "the client's stream is written here, without padding"),
    # What describes a stored copy, or repeats.
    (r"<tool_use>\.caller(?:<direct>)?$", "a direct call is what every call is"),
    (r"^input\[\]<\w+>\.(?:id|status)$", "names and describes an item in OpenAI's store"),
    (r"^input\[\]<function_call_output>\.name$", "the call says it"),
    (r"^input\[\]<EasyInputMessageParam>\.phase$", "only an assistant's message has a phase"),
    (r"<output_text>\.logprobs$", "log probabilities of earlier text say nothing to a model"),
    (r"^user\.function_response\.id$", "the call says it"),
)
"""Members that change nothing, and why that is right."""


@pytest.mark.parametrize("provider", DIALECTS, ids=lambda each: each.name)
@pytest.mark.parametrize("client", DIALECTS, ids=lambda each: each.name)
def test_every_member_of_a_request_has_a_fate(client, provider):
    explained = re.compile("|".join(pattern for pattern, _ in SAYS_NOTHING))
    unexplained = [path for path in silent(client, provider) if not explained.search(path)]

    assert unexplained == []


@pytest.mark.parametrize(
    ("client", "some"),
    [
        (CHAT, {"temperature", "tools[]<custom>.custom.format", "messages[]<ChatCompletionUserMessageParam>.name"}),
        (RESPONSES_API, {"reasoning.effort", "tools[]<namespace>", "input[]<reasoning>.encrypted_content"}),
        (MESSAGES, {"thinking<adaptive>", "user<tool_result>.is_error", "tools[]<BetaToolParam>.strict"}),
        (GENERATE, {"config.thinking_config", "model.thought_signature", "user.inline_data"}),
    ],
    ids=[each.name for each in DIALECTS],
)
def test_the_walk_finds_the_members_that_clients_use(client, some):
    found = {path for path, _, _ in pairs(client)}

    assert some <= found
    assert len(found) > 100


def test_every_explanation_is_needed():
    paths = {path for client in DIALECTS for provider in DIALECTS for path in silent(client, provider)}

    assert [pattern for pattern, _ in SAYS_NOTHING if not any(re.search(pattern, path) for path in paths)] == []
