"""Requests that wait for their channel to have room."""

import asyncio
from collections.abc import Coroutine

import pytest

from axonhub.addons.config import RateLimit
from axonhub.addons.health import Vitals
from axonhub.addons.turns import Turns, is_full

ONE = RateLimit(max_concurrent=1, queue_size=2)


@pytest.mark.parametrize(
    ("limit", "vitals", "full"),
    [
        (RateLimit(), Vitals(in_flight=1000, requests_last_minute=1000), False),
        (ONE, Vitals(in_flight=0), False),
        (ONE, Vitals(in_flight=1), True),
        (RateLimit(rpm=10), Vitals(requests_last_minute=9), False),
        (RateLimit(rpm=10), Vitals(requests_last_minute=10), True),
        (RateLimit(tpm=10), Vitals(tokens_last_minute=12), True),
    ],
)
def test_full(limit: RateLimit, vitals: Vitals, full: bool):
    assert is_full(limit, vitals) is full


class Road:
    """A channel with room for one at a time."""

    def __init__(self) -> None:
        self.turns, self.running, self.served, self.left = Turns(), 1, [], asyncio.Event()

    def vitals(self) -> Vitals:
        return Vitals(in_flight=self.running)

    async def waits(self, name: str, timeout_s: float = 60.0) -> None:
        await self.turns.wait("c", ONE, self.vitals, self.left if name == "leaver" else asyncio.Event(), timeout_s)
        self.running += 1
        self.served.append(name)

    def end_one(self) -> None:
        self.running -= 1
        self.turns.poke("c")


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def played(story: Coroutine[object, object, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 30))


def test_first_come_first_served():
    async def story() -> None:
        road = Road()
        first, second = asyncio.create_task(road.waits("first")), asyncio.create_task(road.waits("second"))
        await settled()
        assert road.turns.waiting == {"c": 2}
        assert not road.turns.may_wait("c", ONE)
        assert road.turns.may_wait("another", ONE)
        assert road.served == []
        road.end_one()
        await first
        await settled()
        assert road.served == ["first"]
        road.end_one()
        await second
        assert road.served == ["first", "second"]
        assert road.turns.waiting == {}

    played(story())


def test_who_leaves_is_let_go_at_once_and_makes_way():
    async def story() -> None:
        road = Road()
        leaver, second = asyncio.create_task(road.waits("leaver")), asyncio.create_task(road.waits("second"))
        await settled()
        road.left.set()
        await leaver
        assert road.turns.waiting == {"c": 1}
        road.running = 0
        road.turns.poke("c")
        await second
        assert road.served == ["leaver", "second"]

    played(story())


def test_time_over():
    async def story() -> None:
        road = Road()
        await road.waits("impatient", timeout_s=0.001)
        assert road.served == ["impatient"]
        assert road.turns.waiting == {}

    played(story())
