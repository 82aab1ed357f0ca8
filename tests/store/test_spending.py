"""What an owner has used up is the same from sums and from records, before and after a partition is sealed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from axonhub.addons.store.embedded import Embedded, Limits
from axonhub.addons.store.spending import Owner, Spent, Want, spending

HOUR_S = 3600
START_S = 1_767_225_600.0  # a full hour


def record(number: int) -> dict[str, object]:
    """Every ten minutes one; each fifth was refused before it reached a channel, each seventh has no price."""
    tried = number % 5 != 0
    return {
        "id": f"req_{number:04d}",
        "ts": START_S + 600 * number,
        "key_name": f"key-{number % 2}",
        "profile": f"profile-{number % 3}" if number % 3 else None,
        "attempts": [{"channel": "a"}] if tried else [],
        "usage": {"input": 10, "cache_read": 100, "cache_write_1h": 5, "output": 1} if tried else None,
        "cost_micro_usd": None if number % 7 == 0 or not tried else 3,
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Embedded]:
    opened = Embedded(tmp_path, "written", lambda: START_S, Limits(records=40))
    for number in range(100):
        opened.append([record(number)])  # type: ignore[list-item]
    yield opened
    opened.close()


def expected(owner: Owner, since_s: float) -> Spent:
    total = Spent()
    for each in map(record, range(100)):
        ours = each["key_name"] == owner.key and (not owner.profile or each["profile"] == owner.profile)
        if ours and float(str(each["ts"])) >= since_s and each["attempts"]:
            priced = each["cost_micro_usd"] is not None
            total += Spent(1, 16, 100, 3 if priced else 0, int(not priced))
    return total


@pytest.mark.parametrize("owner", [Owner("key-0"), Owner("key-1"), Owner("key-1", "profile-2"), Owner("nobody")])
@pytest.mark.parametrize("step", [None, "hour", "all"])
@pytest.mark.parametrize("since_s", [0.0, START_S + 5 * HOUR_S, START_S + 5 * HOUR_S + 1800])
def test_sums_and_records_tell_the_same(store: Embedded, owner: Owner, step: object, since_s: float) -> None:
    (answer,) = spending(store, [Want(owner, since_s, step)])  # type: ignore[arg-type]

    assert sum((spent for _, spent in answer), Spent()) == expected(owner, since_s)


def test_several_wants_are_answered_in_their_order(store: Embedded) -> None:
    owners = [Owner("key-1"), Owner("key-0"), Owner("key-1", "profile-1")]

    answers = spending(store, [Want(owner, 0.0, "all") for owner in owners])

    assert [sum((spent for _, spent in each), Spent()) for each in answers] == [expected(each, 0.0) for each in owners]
