"""Usage of a stream whose client did not ask for it: the wish in the request, and the chunk that it brings.

OpenAI API reference, `stream_options.include_usage`, read 2026-11: one more chunk without choices, before the end.
"""

import re
from typing import Final

import orjson

from axonhub.transformers.json_types import JsonObject
from axonhub.transformers.splice import added_member
from axonhub.transformers.sse import SseEvent

_NO_CHOICES: Final = re.compile(r'"choices"\s*:\s*\[\s*\]')


class ChatUsageOnRequest:
    def asking(self, body: bytes, document: JsonObject) -> bytes:
        if "stream_options" in document:
            return body  # a second member of that name would mean different things to different servers
        return added_member(body, "stream_options", {"include_usage": True})

    def is_answer(self, event: SseEvent) -> bool:
        if _NO_CHOICES.search(event.data) is None:
            return False
        try:
            chunk = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            return False
        # Azure begins with a chunk without choices, which holds the judgement of its filters and no usage.
        return isinstance(chunk, dict) and chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)
