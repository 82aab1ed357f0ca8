"""The protocol's name, and what both directions must agree on."""

from collections.abc import Mapping
from typing import Final

NAME: Final = "openai/responses"

ITEM_PREFIX: Final[Mapping[str, str]] = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    "image_generation_call": "ig_",
}
"""Item type → how its id must begin; OpenAI refuses an item whose id has another type's beginning."""

OWN_ORIGIN: Final = "oai"
"""Of reasoning that OpenAI encrypted for an organisation that nobody named."""

SEPARATOR: Final = "\n\n"
"""Between the summary parts of one reasoning item, where they become one text."""
