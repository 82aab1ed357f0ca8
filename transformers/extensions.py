"""Extensions that a request brings from one protocol and that another protocol's writer has to leave behind."""

from axonhub.transformers.hub.requests import Request
from axonhub.transformers.protocol import Loss, Unsupported

_COSTS_NOTHING = frozenset(
    "include store client_metadata stream_options prompt_cache_retention prompt_cache_options prompt_cache_breakpoint "
    "cache_control labels user_profile_id".split()
)
"""Members that change no answer: what is stored, labelled, cached or reported beside it."""


def leave_behind(request: Request, own: str, losses: list[Loss]) -> None:
    """Records a Loss for each extension of a protocol other than `own`; Unsupported when one must not be left away."""
    for protocol, paths in request.native_only.items():
        if protocol != own and paths:
            raise Unsupported(f"only a channel that speaks {protocol} can honour it", paths[0])
    for protocol, members in request.extensions.items():
        if protocol == own:
            continue
        for name in members:
            severity = "info" if name in _COSTS_NOTHING else "warning"
            losses.append(Loss(name, f"only {protocol} has it", severity))
