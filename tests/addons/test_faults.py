"""How faults are written, and what is wrong with those that are not."""

import pytest

from axonhub.addons.faults import Rule
from axonhub.addons.misbehaving import Fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("status 529", Fault("status", 529)),
        ("status 429 retry-after=2.5", Fault("status", 429, 2.5)),
        ("stall", Fault("stall")),
        (" cut 3 ", Fault("cut", 3)),
        ("malformed 0", Fault("malformed", 0)),
        ("slow 0.2", Fault("slow", 0.2)),
    ],
)
def test_fault_is_read_and_said_again(text: str, fault: Fault) -> None:
    assert fault == Fault.read(text)
    assert fault == Fault.read(str(fault))


@pytest.mark.parametrize("text", ["", "explode", "status", "status 200", "status 42.5", "slow fast"])
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Fault.read(text)


def test_rule_is_a_filter_and_a_fault() -> None:
    rule = Rule.read("/~u /v1/messages & ~meta channel:a/status 529")

    assert "~u /v1/messages & ~meta channel:a" == rule.expression
    assert Fault("status", 529) == rule.fault


@pytest.mark.parametrize("text", ["", "stall", "/stall", "/~~/stall", "/~all/explode"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Rule.read(text)
