"""Which of a client's headers are kept: those that say what was asked for, and no secret."""

from axonhub.addons.telling_headers import telling


def test_what_says_what_was_asked_for_is_kept_by_lower_case_name_and_nothing_else() -> None:
    fields = (
        (b"Authorization", b"Bearer secret"),
        (b"User-Agent", b"cli/1"),
        (b"x-company-token", b"secret"),
        (b"anthropic-beta", b"one"),
        (b"Anthropic-Beta", b"two"),
    )

    assert list(telling(fields).items()) == [("user-agent", "cli/1"), ("anthropic-beta", "one, two")]


def test_what_is_too_long_or_no_text_is_left_out() -> None:
    fields = (
        (b"accept", b"a" * 1000),
        (b"accept", b"a" * 1001),
        (b"x-app", b"cli\x00"),
        (b"originator", b"\xff"),
        (b"session-id", b"one"),
        (b"session-id", b"two\x1b"),
        (b"user-agent", "é".encode()),
    )

    assert telling(fields) == {"accept": "a" * 1000, "user-agent": "é"}
