"""Wrong tokens are told so a few times, then left to wait; a stale one shuts nobody else out."""

from axonhub.addons.throttle import OTHER_TOKENS, SAME_TOKEN, WINDOW_S, Gate


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def gate(clock: Clock) -> Gate:
    return Gate(lambda token: token == "right", clock)


def test_same_wrong_token_is_looked_at_a_few_times_a_minute():
    clock = Clock()
    door = gate(clock)
    for _ in range(SAME_TOKEN):
        assert 0 == door.wait_s("a", "wrong")
        assert not door.opens("a", "wrong")

    assert WINDOW_S == door.wait_s("a", "wrong")
    clock.now_s += WINDOW_S
    assert 0 == door.wait_s("a", "wrong")


def test_stale_token_that_is_shown_for_ever_shuts_nobody_else_out():
    door = gate(Clock())
    for _ in range(1000):
        door.opens("a", "stale")

    assert door.opens("a", "right")


def test_guesser_hears_nothing_even_of_the_right_token_until_the_minute_is_over():
    clock = Clock()
    door = gate(clock)
    for number in range(OTHER_TOKENS):
        assert not door.opens("a", f"guess {number}")

    assert not door.opens("a", "right")
    assert door.opens("b", "right")
    clock.now_s += WINDOW_S
    assert door.opens("a", "right")


def test_nothing_shown_is_no_guess():
    door = gate(Clock())
    for _ in range(1000):
        door.opens("a", "")

    assert 0 == door.wait_s("a", "")
