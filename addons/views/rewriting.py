"""What became of a request on its way, step by step, and why it went to the channel that it went to. Pure."""

from collections.abc import Iterator, Sequence

from axonhub.addons.views.folding import indented, one_line, rule, size, table
from axonhub.addons.views.story import Story


def rewrite_text(story: Story, changed: Sequence[str] | None) -> str:
    """`changed`: lines of `changes`; None where nobody can tell any more."""
    attempts = story.parts("attempts")
    edited = story.lines("edits")
    parts = [
        "\n".join(_head(story)),
        "\n".join((rule("edited by hand"), *edited)) if edited else "",
        *_steps(story, attempts[-1] if attempts else None),
    ]
    parts += ["\n".join((rule("why this channel"), *_why(story)))]
    parts += ["\n".join((rule("tries"), *_tries(attempts)))] if attempts else []
    parts.append(_body(attempts, changed))
    parts.append("\n".join((rule("outcome"), *_outcome(story))))
    return "\n\n".join(filter(None, parts))


def _head(story: Story) -> Iterator[str]:
    yield f"{story.text('id')} · key {story.text('key') or 'unknown'}"
    ids = [(name, story.text(name)) for name in ("trace", "thread", "agent")]
    if told := " · ".join(f"{name} {value}" for name, value in ids if value):
        yield told


# -- steps


def _steps(story: Story, last: Story | None) -> Iterator[str]:
    asked, wanted = story.text("client", "model"), story.text("wanted_model")
    rows = [("client asked", asked, _client(story))]
    profile = story.text("profile")
    rows.append(
        (
            "profile",
            wanted if wanted != asked else "–",
            f"{profile}: {_renamed(asked, wanted)}" if profile else "none active",
        )
    )
    if last is None:
        rows.append(("channel", "–", "none was tried"))
    else:
        used = last.text("model")
        rows.append(
            (
                "channel",
                used if used != wanted else "–",
                f"{last.text('channel')} ({last.text('type')}): {_renamed(wanted, used)}",
            )
        )
        rows.append(("conversion", "–", _conversion(story, last)))
    lines = table([(f"{at}.", what, model, how) for at, (what, model, how) in enumerate(rows, 1)])
    losses = [f"  ✗ {each.text('path')}: {each.text('reason')}" for each in last.parts("losses")] if last else []
    lost = ["", "lost on the way:", *losses] if losses else []
    yield "\n".join((rule("what was done to it"), *lines, *lost))


def _client(story: Story) -> str:
    how = "streamed" if story.flag("client", "stream") else "whole"
    return f"{story.text('client', 'protocol')}, {how}, {size(story.number('client', 'bytes') or 0)}"


def _renamed(before: str, after: str) -> str:
    return "the model keeps its name" if before == after else f"{before} → {after}"


def _conversion(story: Story, last: Story) -> str:
    if last.flag("converted"):
        told = f"{story.text('client', 'protocol')} → {last.text('protocol')}"
        return told if story.text("client", "protocol") != last.text("protocol") else f"{told}, written anew"
    if last.flag("untouched"):
        return "none: the client's very bytes"
    return "none: only the model's name" if last.flag("renamed_only") else "none: the client's bytes with additions"


def _body(attempts: Sequence[Story], changed: Sequence[str] | None) -> str:
    if not attempts:
        return ""
    title = rule(f"client's body → {attempts[-1].text('channel')}'s body ({size(attempts[-1].number('bytes') or 0)})")
    if changed is None:
        return f"{title}\n(too long to be kept with the flow)"
    return "\n".join((title, *(changed or ["byte for byte the same"])))


# -- why


def _why(story: Story) -> Iterator[str]:
    candidates = story.parts("candidates")
    if not candidates:
        yield "no channel serves this model for this key"
        return
    yield f"strategy {story.text('strategy')}; lower priority first, then more points"
    rows = [("channel", "model", "priority", "points", "")]
    rows += [_row(each) for each in candidates[:20]]
    yield from table(rows)
    yield from (f"{each.text('channel')}: {reasons}" for each in candidates[:20] if (reasons := _reasons(each)))


def _row(candidate: Story) -> tuple[str, str, str, str, str]:
    last = "comes last" if candidate.flag("deferred") else ""
    return (
        candidate.text("channel"),
        candidate.text("model"),
        candidate.text("priority"),
        candidate.text("total"),
        last,
    )


def _reasons(candidate: Story) -> str:
    scores = candidate.parts("scores")
    return ", ".join(
        f"{each.text('name')} {each.text('points')}" + (f" ({each.text('reason')})" if each.text("reason") else "")
        for each in scores
    )


def _tries(attempts: Sequence[Story]) -> Iterator[str]:
    rows = [
        (
            f"{at}.",
            each.text("channel"),
            each.text("model"),
            each.text("status") or "–",
            _ended(each),
            _seconds(each.number("total_ms")),
        )
        for at, each in enumerate(attempts, 1)
    ]
    yield from table(rows)
    for each in attempts:
        if words := each.text("failure", "message"):
            yield indented(f"{each.text('channel')}: {one_line(words, 200)}")


def _ended(attempt: Story) -> str:
    if kind := attempt.text("failure", "kind"):
        return f"✗ {kind}"
    return "under way" if attempt.number("total_ms") is None else "✓"


def _outcome(story: Story) -> Iterator[str]:
    if kind := story.text("failure", "kind"):
        yield f"✗ {kind}: {story.text('failure', 'message')}"
    elif story.flag("canceled"):
        yield "the client left before the end"
    elif story.text("status"):
        yield f"✓ status {story.text('status')}"
    else:
        yield "under way"
    yield from timing(story)


def timing(story: Story) -> Iterator[str]:
    """Cost and time, as far as they are known."""
    cost = story.text("cost")
    known = [
        f"cost ${cost}" if cost else "",
        f"first token after {_seconds(story.number('first_ms'))}" if story.number("first_ms") is not None else "",
        f"{_seconds(story.number('total_ms'))} in all" if story.number("total_ms") is not None else "",
    ]
    if told := " · ".join(filter(None, known)):
        yield told


def _seconds(ms: float | None) -> str:
    return "" if ms is None else f"{ms / 1000:.2f} s"
