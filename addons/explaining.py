"""Why an exchange went where it went: for the debug log, and for a client that asks with `X-Debug-Mode: true`."""

import json

from axonhub.addons.exchange import Candidate, Exchange

MOST_BYTES = 4096
_HEADER = b"x-debug-mode"


def wants_explanation(exchange: Exchange) -> bool:
    return b"true" in [value.strip() for name, value in exchange.client_headers if name.lower() == _HEADER]


def in_words(candidates: list[Candidate]) -> str:
    """One line: every candidate with its points and their reasons."""
    return "; ".join(_words(each) for each in candidates)


def as_header(exchange: Exchange, strategy: str, chosen: Candidate | None) -> str:
    """Compact ASCII JSON of at most `MOST_BYTES`; the last candidates give way when there are too many."""
    tries = [
        {
            "channel": each.candidate.channel.name,
            "status": each.status,
            "kind": each.failure.kind.value if each.failure else None,
            "ms": None if each.ended_s is None else round((each.ended_s - each.started_s) * 1000),
        }
        for each in exchange.attempts
    ]
    candidates = [_parts(each) for each in exchange.candidates]
    whole = {
        "strategy": strategy,
        "next": chosen.channel.name if chosen else None,
        "wait_s": round(chosen.wait_s, 3) if chosen else None,
        "tries": tries,
        "candidates": candidates,
    }
    while len(text := json.dumps(whole, separators=(",", ":"))) > MOST_BYTES and (candidates or tries):
        (candidates or tries).pop()
        whole["left_out"] = True
    return text if len(text) <= MOST_BYTES else "{}"


def _words(candidate: Candidate) -> str:
    scores = ", ".join(
        f"{each.name} {each.points:.1f}" + (f" ({each.reason})" if each.reason else "") for each in candidate.scores
    )
    return f"{candidate.channel.name} {candidate.total:.1f} = {scores}"


def _parts(candidate: Candidate) -> dict[str, object]:
    return {
        "channel": candidate.channel.name,
        "model": candidate.model,
        "priority": candidate.channel.priority,
        "total": round(candidate.total, 1),
        "scores": [[each.name, round(each.points, 1), each.reason] for each in candidate.scores],
    }
