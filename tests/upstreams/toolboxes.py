"""The tools of each client program, under the four things that a plan wants done."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.upstreams.plan import Call


@dataclass(frozen=True, slots=True)
class Toolbox:
    write: Callable[[str, str], Call]
    """File and content."""
    read: Callable[[str], Call]
    edit: Callable[[str, str, str], Call]
    """File, text to be replaced, text to put there."""
    run: Callable[[str], Call]
    """A shell command."""


CLAUDE_CODE = Toolbox(
    write=lambda file, content: Call("Write", {"file_path": file, "content": content}),
    read=lambda file: Call("Read", {"file_path": file}),
    edit=lambda file, old, new: Call("Edit", {"file_path": file, "old_string": old, "new_string": new}),
    run=lambda command: Call("Bash", {"command": command, "description": "Runs what the test wants"}),
)


def claude_code_agent(prompt: str) -> Call:
    """Claude Code's tool that starts a sub-agent."""
    return Call("Agent", {"description": "A part of the work", "prompt": prompt, "subagent_type": "general-purpose"})
