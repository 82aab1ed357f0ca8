"""The name of this protocol, by which native parts and extensions are marked."""

from typing import Final

NAME: Final = "openai/chat"
