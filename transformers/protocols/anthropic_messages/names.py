"""The protocol's own name, and the block types of thinking and of tools that Anthropic runs itself."""

from typing import Final

NAME: Final = "anthropic/messages"

THINKING_BLOCKS: Final = frozenset({"redacted_thinking", "thinking"})
HOSTED_BLOCKS: Final = frozenset(
    {
        "advisor_tool_result",
        "bash_code_execution_tool_result",
        "code_execution_tool_result",
        "compaction",
        "container_upload",
        "fallback",
        "mcp_tool_listing",
        "mcp_tool_result",
        "mcp_tool_use",
        "server_tool_use",
        "text_editor_code_execution_tool_result",
        "tool_addition",
        "tool_removal",
        "tool_search_tool_result",
        "web_fetch_tool_result",
        "web_search_tool_result",
    }
)
HOSTED_CALLS: Final = frozenset({"server_tool_use", "mcp_tool_use"})
"""Those whose `input` comes in pieces in a stream."""
