"""One conversation as each of the four kinds of client sends it, written down by hand.

The user asks, the model thinks and calls two tools (one without arguments), the results are a text with an image and an
error, the user goes on.
"""

import base64
import json

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 33).decode()
SCHEMA = {"type": "object", "properties": {"of": {"type": "string"}}, "required": ["of"], "additionalProperties": False}
ASKED, RESULT, ERROR, NEXT = "look at it", "Here it is:", "no clock", "And now?"


def anthropic(*more: dict) -> dict:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    return {
        "model": "asked",
        "max_tokens": 4000,
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [
            {"name": "shot", "description": "Takes one.", "input_schema": SCHEMA},
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ],
        "messages": [
            {"role": "user", "content": ASKED},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "call_1", "name": "shot", "input": {"of": "it"}},
                    {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_1",
                        "content": [{"type": "text", "text": RESULT}, image],
                    },
                    {"type": "tool_result", "tool_use_id": "call_2", "content": ERROR, "is_error": True},
                    {"type": "text", "text": NEXT},
                ],
            },
            *more,
        ],
    }


def chat(*more: dict) -> dict:
    """Chat has no image in a tool's message; its clients put it into a user's."""

    def call(id: str, name: str, arguments: dict) -> dict:
        return {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}

    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    return {
        "model": "asked",
        "stream": True,
        "tools": [
            {"type": "function", "function": {"name": "shot", "description": "Takes one.", "parameters": SCHEMA}},
            {"type": "function", "function": {"name": "now"}},
        ],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": ASKED},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [call("call_1", "shot", {"of": "it"}), call("call_2", "now", {})],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": RESULT},
            {"role": "tool", "tool_call_id": "call_2", "content": f"Error: {ERROR}"},
            {"role": "user", "content": [image, {"type": "text", "text": NEXT}]},
            *more,
        ],
    }


def responses(*more: dict) -> dict:
    def call(id: str, name: str, arguments: dict) -> dict:
        return {"type": "function_call", "call_id": id, "name": name, "arguments": json.dumps(arguments)}

    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    return {
        "model": "asked",
        "stream": True,
        "store": False,
        "instructions": "Be brief.",
        "tools": [
            {"type": "function", "name": "shot", "description": "Takes one.", "parameters": SCHEMA, "strict": False},
            {"type": "function", "name": "now", "parameters": None, "strict": None},
        ],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": ASKED}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            call("call_1", "shot", {"of": "it"}),
            call("call_2", "now", {}),
            {
                "type": "function_call_output",
                "call_id": "call_1",
                "output": [{"type": "input_text", "text": RESULT}, image],
            },
            {"type": "function_call_output", "call_id": "call_2", "output": f"Error: {ERROR}"},
            {"role": "user", "content": NEXT},
            *more,
        ],
    }


def gemini(*more: dict) -> dict:
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    return {
        "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "shot", "description": "Takes one.", "parametersJsonSchema": SCHEMA},
                    {"name": "now"},
                ]
            }
        ],
        "contents": [
            {"role": "user", "parts": [{"text": ASKED}]},
            {
                "role": "model",
                "parts": [
                    {"text": "I look."},
                    {"functionCall": {"id": "call_1", "name": "shot", "args": {"of": "it"}}},
                    {"functionCall": {"id": "call_2", "name": "now", "args": {}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "call_1",
                            "name": "shot",
                            "response": {"output": RESULT},
                            "parts": [image],
                        }
                    },
                    {"functionResponse": {"id": "call_2", "name": "now", "response": {"error": ERROR}}},
                ],
            },
            {"role": "user", "parts": [{"text": NEXT}]},
            *more,
        ],
    }


CLIENTS = {
    "anthropic/messages": anthropic,
    "openai/chat": chat,
    "openai/responses": responses,
    "gemini/generate_content": gemini,
}
_LATER = ("Done.", "Thanks, go on.")
LATER = {
    "anthropic/messages": [
        {"role": role, "content": text} for role, text in zip(("assistant", "user"), _LATER, strict=True)
    ],
    "openai/chat": [{"role": role, "content": text} for role, text in zip(("assistant", "user"), _LATER, strict=True)],
    "openai/responses": [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": _LATER[0]}]},
        {"role": "user", "content": _LATER[1]},
    ],
    "gemini/generate_content": [
        {"role": role, "parts": [{"text": text}]} for role, text in zip(("model", "user"), _LATER, strict=True)
    ],
}
"""One more round, to be put behind the conversation."""
