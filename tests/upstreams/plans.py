"""The work that scripted models do. Each looks at what its tools brought, and its answer says what is wrong with it."""

import json
from collections.abc import Sequence

from tests.upstreams.plan import Call, Conversation, Plan, Result, Turn
from tests.upstreams.toolboxes import Toolbox

TITLE = Turn(text=json.dumps({"title": "A scripted piece of work"}))
ODD_TEXT = 'quotes " and \\ backslash, ünïcödé 北京 🎈, tab\there'
"""Goes through tool arguments, so that escaping is seen in the file on disk."""


def titled(plan: Plan) -> Plan:
    """Clients also ask for a conversation's title, under a JSON schema."""
    return lambda conversation: TITLE if conversation.wants_json else plan(conversation)


def say(text: str, thinking: str = "") -> Plan:
    return lambda conversation: Turn(text=text, thinking=thinking)


def write_read_edit_run(tools: Toolbox, file: str) -> Plan:
    """Writes a program that is wrong, reads it, corrects it, thinks, runs it, and answers with what it printed."""
    wrong = f"greeting = 'goodbye'\n# {ODD_TEXT}\nprint(greeting, 6 * 7)\n"
    steps = (
        (tools.write(file, wrong), ""),
        (tools.read(file), "goodbye"),
        (tools.edit(file, "greeting = 'goodbye'", "greeting = 'hello'"), ""),
        (tools.run(f"python3 {file}"), "hello 42"),
    )

    def plan(conversation: Conversation) -> Turn:
        done = [result for round_ in conversation.rounds for result in round_.results]
        for result, (call, shown) in zip(done, steps, strict=False):
            if (complaint := wrong_result(result, call, shown)) is not None:
                return Turn(text=complaint)
        if len(done) < len(steps):
            call, _ = steps[len(done)]
            thinking = "It says goodbye; I have made it say hello. Now I run it." if len(done) == 3 else ""
            return Turn(thinking=thinking, text=f"Step {len(done) + 1}.", calls=(call,))
        return Turn(text=f"DONE: {done[-1].text.strip()}")

    return titled(plan)


def wrong_result(result: Result, call: Call, shown: str) -> str | None:
    """What differs from the call that was made and from what its result must show; None when all is well.

    Clients enter a tool's defaults into the call's arguments before they send it back.
    """
    if result.call.name != call.name or {**result.call.arguments, **call.arguments} != result.call.arguments:
        return f"WRONG: the call came back as {result.call}, it was {call}"
    if result.failed or shown not in result.text:
        return f"WRONG: {call.name} brought {result.text!r}"
    return None


def all_at_once(calls: Sequence[tuple[Call, str]]) -> Plan:
    """All calls in one turn; each result must show the text beside its call."""

    def plan(conversation: Conversation) -> Turn:
        if conversation.last is None:
            return Turn(text="All at once.", calls=tuple(call for call, _ in calls))
        results = conversation.last.results
        if len(results) != len(calls):
            return Turn(text=f"WRONG: {len(results)} results for {len(calls)} calls")
        complaints = [wrong_result(result, call, shown) for result, (call, shown) in zip(results, calls, strict=True)]
        return Turn(text=next(filter(None, complaints), f"DONE: {len(results)} results"))

    return titled(plan)


def through_sub_agent(start: Call, prompt: str, errand: Plan, brings: str) -> Plan:
    """Starts a sub-agent with `prompt`, which does the errand; the answer tells what it brought."""
    outer = all_at_once([(start, brings)])

    def plan(conversation: Conversation) -> Turn:
        in_sub_agent = any(prompt in said for said in conversation.said)
        return errand(conversation) if in_sub_agent else outer(conversation)

    return titled(plan)


def remembers(first: str, second_question: str, then: str) -> Plan:
    """Says `first`; when asked the second question says `then` if its first answer is still in the conversation."""

    def plan(conversation: Conversation) -> Turn:
        if not any(second_question in said for said in conversation.said):
            return Turn(thinking="The first question.", text=first)
        return Turn(text=then if first in conversation.answers else f"WRONG: I do not remember; {conversation.answers}")

    return titled(plan)
