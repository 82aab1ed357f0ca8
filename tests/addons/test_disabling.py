"""Rules that take credentials and channels out of use, and for how long."""

from axonhub.addons.config import Channel
from axonhub.addons.disabling import Disabling
from axonhub.transformers.hub.failures import Failure, FailureKind

REFUSED = Failure(FailureKind.AUTHENTICATION, "This account is on hold.", status=401)
BROKEN = Failure(FailureKind.SERVER, "oops", status=500)
GONE = Failure(FailureKind.NETWORK, "gone")
KEY = "digest"


def channel(*rules: dict[str, object], of: str = "api_key_auto_disable_rules", **more: object) -> Channel:
    return Channel(name="c", type="openai", settings={of: list(rules)}, **more)


def test_credential_is_disabled_for_a_while():
    own, disabling = channel({"status_codes": [401], "disable_duration": "60s"}), Disabling()

    told = disabling.failed(own, KEY, REFUSED, 100.0)

    assert told == "credential disabled for 60 s: status 401, 1 time"
    assert disabling.disabled(own, KEY, 159.0)
    assert not disabling.disabled(own, "another", 159.0)
    assert not disabling.disabled(own, "", 159.0)
    assert not disabling.disabled(own, KEY, 160.0)


def test_other_failures_do_not_count():
    own = channel({"status_codes": [401, 403], "keyword_patterns": ["suspended|on hold"], "disable_duration": "60s"})
    disabling = Disabling()

    assert disabling.failed(own, KEY, BROKEN, 0.0) == ""
    assert disabling.failed(own, KEY, GONE, 0.0) == ""
    assert disabling.failed(own, KEY, Failure(FailureKind.PERMISSION, "no", status=403), 0.0) == ""
    assert disabling.failed(own, KEY, REFUSED, 0.0) != ""


def test_failures_in_a_row():
    own, disabling = channel({"status_codes": [500], "times": 3, "disable_duration": "60s"}), Disabling()

    told = [disabling.failed(own, KEY, BROKEN, 0.0) for _ in range(2)]
    disabling.succeeded(own, KEY)
    told += [disabling.failed(own, KEY, BROKEN, 1000.0) for _ in range(3)]

    assert [bool(each) for each in told] == [False, False, False, False, True]


def test_failures_within_a_window():
    own, disabling = channel({"times": 2, "window": "10s", "disable_duration": "60s"}), Disabling()

    assert disabling.failed(own, KEY, BROKEN, 0.0) == ""
    disabling.succeeded(own, KEY)
    assert disabling.failed(own, KEY, GONE, 11.0) == ""
    assert disabling.failed(own, KEY, BROKEN, 20.0) == "credential disabled for 60 s: any failure, 2 times"


def test_channel_as_a_whole():
    own, disabling = channel({"times": 2, "disable_duration": "60s"}, of="auto_disable_rules"), Disabling()

    told = [disabling.failed(own, digest, BROKEN, 0.0) for digest in ("one", "two")]

    assert told == ["", "channel disabled for 60 s: any failure, 2 times"]
    assert disabling.disabled(own, "", 59.0)


def test_disabled_for_good_until_the_configuration_changes():
    own, disabling = channel({"status_codes": [401], "action": "permanent_disable_delete"}), Disabling()

    told = disabling.failed(own, KEY, REFUSED, 0.0)

    assert told == "credential disabled until its configuration changes: status 401, 1 time"
    assert disabling.disabled(own, KEY, 1e9)
    edited = channel({"status_codes": [401], "action": "permanent_disable_delete"}, weight=50)
    assert not disabling.disabled(edited, KEY, 1e9)
    assert not disabling.disabled(own, KEY, 1e9)
