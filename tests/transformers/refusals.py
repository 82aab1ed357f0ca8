"""What each provider would refuse in a request: the scripted providers' rules, the SDKs' own types, and order."""

import json
from collections.abc import Callable, Iterator

from google.genai import types
from openai.types.responses import ResponseCreateParams
from pydantic import TypeAdapter, ValidationError

from tests.upstreams.anthropic_rules import RULES as ANTHROPIC_RULES
from tests.upstreams.chat_rules import OPENAI, chat_rules
from tests.upstreams.gemini_rules import RULES as GEMINI_RULES
from tests.upstreams.responses_rules import RULES as RESPONSES_RULES
from tests.upstreams.rules import Asked, Rule, all_refusals
from tests.upstreams.server import Request

_HEADERS = (
    ("content-type", "application/json"),
    ("x-api-key", "k"),
    ("anthropic-version", "2023-06-01"),
)
_BEARER = (("content-type", "application/json"), ("authorization", "Bearer k"))


def _by_rules(rules: list[Rule], path: str, headers: tuple) -> Callable[[dict], list[str]]:
    def refusals(body: dict) -> list[str]:
        asked = Asked(Request(1, "POST", path, headers, json.dumps(body).encode()), body)
        return [f"{refusal.rule}: {refusal.message}" for refusal in all_refusals(rules, asked)]

    return refusals


_RESPONSES = TypeAdapter(ResponseCreateParams)
_BY_RESPONSES_RULES = _by_rules(RESPONSES_RULES, "/v1/responses", _BEARER)


def responses_refusals(body: dict) -> list[str]:
    return [*_wrong_types(_RESPONSES, body), *_unpaired_outputs(body), *_BY_RESPONSES_RULES(body)]


def _wrong_types(adapter: TypeAdapter, body: object) -> Iterator[str]:
    try:
        adapter.validate_python(body)
    except ValidationError as error:
        yield str(error)


def _unpaired_outputs(body: dict) -> Iterator[str]:
    called: list[str] = []
    for item in body["input"]:
        kind = item.get("type")
        if kind in ("function_call", "custom_tool_call"):
            called.append(item["call_id"])
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if item["call_id"] not in called:
                yield f"output of {item['call_id']} without its call"
            else:
                called.remove(item["call_id"])
        elif kind == "reasoning" and "id" not in item:
            yield "reasoning without an id"
        elif called and item.get("role") == "user":
            yield f"calls {called} are not answered before the user speaks"
    if called:
        yield f"calls {called} are never answered"


_GEMINI_PATH = "/v1beta/models/gemini-3-pro-preview:generateContent"
_BY_GEMINI_RULES = _by_rules(GEMINI_RULES, _GEMINI_PATH, (("x-goog-api-key", "k"),))
_GEMINI: dict[str, TypeAdapter] = {
    "contents": TypeAdapter(list[types.Content]),
    "systemInstruction": TypeAdapter(types.Content),
    "tools": TypeAdapter(list[types.Tool]),
    "toolConfig": TypeAdapter(types.ToolConfig),
    "generationConfig": TypeAdapter(types.GenerationConfig),
}


def gemini_refusals(body: dict) -> list[str]:
    found = [fault for name in body for fault in _wrong_types(_GEMINI[name], body[name])]
    return [*found, *_content_order(body["contents"]), *_BY_GEMINI_RULES(body)]


def _content_order(contents: list[dict]) -> Iterator[str]:
    if contents[0]["role"] != "user" or contents[-1]["role"] != "user":
        yield "does not begin and end with the user"
    for place, content in enumerate(contents):
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        answers = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        if not content["parts"] or any(part == {"text": ""} for part in content["parts"]):
            yield f"contents[{place}] is empty or has an empty part"
        if answers and any("text" in part for part in content["parts"]):
            yield f"contents[{place}] has text between responses"
        if calls:
            told = (
                [part.get("functionResponse") for part in contents[place + 1]["parts"]] if contents[place + 1 :] else []
            )
            if [call["id"] for call in calls] != [each["id"] for each in told if each]:
                yield f"the calls of contents[{place}] are not answered next"
            if any("thoughtSignature" in part for part in content["parts"] if part.get("functionCall") in calls[1:]):
                yield f"a parallel call of contents[{place}] is signed"


REFUSALS: dict[str, Callable[[dict], list[str]]] = {
    "anthropic/messages": _by_rules(ANTHROPIC_RULES, "/v1/messages", _HEADERS),
    "openai/chat": _by_rules(chat_rules(OPENAI), "/v1/chat/completions", _BEARER),
    "openai/responses": responses_refusals,
    "gemini/generate_content": gemini_refusals,
}
"""Every objection to a request's body, by provider protocol."""
