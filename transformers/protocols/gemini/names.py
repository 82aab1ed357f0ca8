"""The protocol's own name and words, and its members in one spelling."""

from functools import lru_cache
from typing import Final

from axonhub.transformers.fields import wrong_type
from axonhub.transformers.json_types import Json, JsonObject

NAME: Final = "gemini/generate_content"

NO_SIGNATURE: Final = "skip_thought_signature_validator"
"""Google's documented stand-in for the signature of a call that no Gemini model made; clients send it too."""


def camel(message: JsonObject) -> JsonObject:
    """A message with its members in camelCase; Google's parser takes snake_case as well, as in its own examples."""
    if not any("_" in name for name in message):
        return message
    return {_camel(name): value for name, value in message.items()}


@lru_cache(maxsize=512)
def _camel(name: str) -> str:
    # `_responseJsonSchema` bore its underscore while it was a preview.
    first, *others = name.lstrip("_").split("_")
    return first + "".join(other[:1].upper() + other[1:] for other in others)


def messages(source: JsonObject, key: str, path: str) -> list[JsonObject]:
    """A repeated message, in camelCase; one alone stands for a list of one, as Google's parser has it. Unreadable."""
    value: Json = source.get(key)
    if value is None:
        return []
    found = value if isinstance(value, list) else [value]
    said: list[JsonObject] = []
    for index, each in enumerate(found):
        if not isinstance(each, dict):
            raise wrong_type(each, dict, f"{path}.{key}[{index}]" if path else f"{key}[{index}]")
        said.append(camel(each))
    return said
