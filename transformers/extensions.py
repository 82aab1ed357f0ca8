"""Extensions that a request brings from one protocol and that another protocol's writer has to leave behind."""

from typing import Literal

from axonhub.transformers.hub.requests import Request
from axonhub.transformers.protocol import Loss, Unsupported

_COSTS_NOTHING = frozenset(
    "include store client_metadata stream_options prompt_cache_retention prompt_cache_options prompt_cache_breakpoint "
    "cache_control labels user_profile_id id status phase".split()
)
"""Members that change no answer: what is stored, labelled, cached or reported beside it. Nested: the last name."""


def leave_behind(request: Request, own: str, losses: list[Loss]) -> None:
    """Records a Loss for each extension of a protocol other than `own`; Unsupported when one must not be left away."""
    for protocol, paths in request.native_only.items():
        if protocol != own and paths:
            raise Unsupported(f"only a channel that speaks {protocol} can honour it", paths[0])
    for protocol, members in request.extensions.items():
        if protocol == own:
            continue
        losses += (Loss(name, f"only {protocol} has it", _severity(name)) for name in members)


def _severity(name: str) -> Literal["info", "warning"]:
    return "info" if name.rpartition(".")[2] in _COSTS_NOTHING else "warning"
