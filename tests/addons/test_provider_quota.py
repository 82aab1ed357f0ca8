"""What a subscription's answers tell of its allowance, and what is still true of it later."""

import pytest

from axonhub.addons.provider_quota import ProviderQuota, ProviderQuotas, QuotaState, Window, read_unified
from tests.upstreams.claude_code import unified_limits

NOW = 1_000_000.0


def test_windows_are_read_from_the_headers():
    quota = read_unified(dict(unified_limits(0.42, 0.07, reset_s=1_003_600)), NOW)

    assert ProviderQuota((Window("5h", 0.42, 3600.0), Window("7d", 0.07, 3600.0))) == quota


def test_other_headers_tell_nothing():
    assert read_unified({"anthropic-ratelimit-requests-remaining": "7"}, NOW) is None


def test_refused_window_has_nothing_left_whatever_its_share():
    headers = {
        "anthropic-ratelimit-unified-5h-utilization": "0.99",
        "anthropic-ratelimit-unified-5h-status": "rejected",
    }

    quota = read_unified(headers, NOW)

    assert quota is not None
    assert QuotaState.EXHAUSTED is quota.state


@pytest.mark.parametrize("text", ["", "much", "nan", "inf", "-3"])
def test_nonsense_counts_as_nothing_used(text: str):
    quota = read_unified({"anthropic-ratelimit-unified-5h-utilization": text}, NOW)

    assert quota is not None
    assert 0.0 == quota.used


@pytest.mark.parametrize(
    ("used", "state"), [(0.79, QuotaState.AVAILABLE), (0.8, QuotaState.WARNING), (1.0, QuotaState.EXHAUSTED)]
)
def test_warning_comes_at_four_fifths(used: float, state: QuotaState):
    assert state is ProviderQuota((Window("5h", 0.1), Window("7d", used))).state


def test_window_that_began_anew_is_forgotten():
    quotas = ProviderQuotas()
    quotas.tell("c", "k", ProviderQuota((Window("5h", 1.0, 60.0), Window("7d", 0.5, 600.0))), 100.0)

    assert QuotaState.EXHAUSTED is quotas.of("c", "k", 159.0).state
    assert ProviderQuota((Window("7d", 0.5, 540.0),)) == quotas.of("c", "k", 160.0)


def test_channel_has_what_its_least_used_credential_has():
    quotas = ProviderQuotas()
    quotas.tell("c", "one", ProviderQuota((Window("5h", 1.0),)), 0.0)
    quotas.tell("c", "two", ProviderQuota((Window("5h", 0.5),)), 0.0)

    assert 0.5 == quotas.least_used("c", ["one", "two"], 1.0).used
    assert 0.0 == quotas.least_used("c", ["one", "three"], 1.0).used
