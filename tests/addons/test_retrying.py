"""Which failures are worth another try, whom they blame, and for how long."""

import pytest

from axonhub.addons.config import Channel
from axonhub.addons.retrying import blames_credential, callers_fault, cooling_s, passing, told_wait_s
from axonhub.transformers.hub.failures import Failure, FailureKind

NOW = 1_700_000_000.0


def channel(**settings: object) -> Channel:
    return Channel(name="c", type="openai", settings=settings)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_wait_that_the_provider_asks_for(headers: dict[str, str], wait_s: float | None):
    assert wait_s == told_wait_s(headers, NOW)


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_passes_or_not_by_its_kind(kind: FailureKind):
    lasting = {"invalid_request", "context_length", "too_large", "authentication", "permission", "not_found", "quota"}

    assert (kind.value not in lasting) == passing(channel(), Failure(kind, ""))


def test_channels_own_list_makes_a_failure_worth_a_retry():
    busy = Failure(FailureKind.INVALID_REQUEST, "The model is LOADING, come back", status=400)

    assert callers_fault(channel(), busy)
    for listed in (
        channel(retryable_status=[400]),
        channel(retryable_error_patterns=["is loading"]),
        channel(retryable_error_patterns=[{"pattern": "LOAD[A-Z]+", "regex": True}]),
    ):
        assert passing(listed, busy)
        assert not callers_fault(listed, busy)
    assert not passing(channel(retryable_error_patterns=[{"pattern": "load[a-z]+", "regex": True}]), busy)


def test_only_what_wants_to_be_left_alone_cools():
    assert 40 == cooling_s(Failure(FailureKind.RATE_LIMIT, "", retry_after_s=40))
    assert 5 == cooling_s(Failure(FailureKind.OVERLOADED, ""))
    assert 0 == cooling_s(Failure(FailureKind.SERVER, "", retry_after_s=40))
    assert 86400 == cooling_s(Failure(FailureKind.RATE_LIMIT, "", retry_after_s=1e9))


def test_credential_is_blamed_for_what_another_one_may_do_better():
    blamed = {each for each in FailureKind if blames_credential(Failure(each, ""))}

    assert {"authentication", "permission", "quota", "rate_limit"} == blamed
