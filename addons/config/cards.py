"""Model cards: what a model can do, as config.yml says it."""

from pydantic import Field

from axonhub.addons.config.section import Section
from axonhub.addons.config.values import Count, Name


class ModelCard(Section):
    """What the lists of models tell of one; goes before what the gateway comes with, member by member."""

    name: Name
    """The model's name, letter by letter: as a client asks for it, or as a channel knows it."""
    display_name: Name | None = None
    """For people; nothing: the name."""
    description: str | None = None
    """For people."""
    developer: Name | None = None
    """Who made it."""
    context_tokens: Count | None = None
    """The longest prompt, in tokens."""
    max_output_tokens: Count | None = None
    """The longest answer, in tokens."""
    vision: bool | None = None
    """Takes images."""
    tool_call: bool | None = None
    """Calls tools."""
    reasoning: bool | None = None
    """Thinks before it answers."""
    released: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    """Day of its release, such as 2025-09-29, in quotes."""
