import re

import pytest
from pydantic import SecretStr

from axonhub.addons.config.values import (
    check_api_key,
    check_url,
    compile_pattern,
    is_loopback,
    parse_count,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("600s", 600.0),
        ("1h", 3600.0),
        ("30d", 2_592_000.0),
        ("500ms", 0.5),
        ("1h30m", 5400.0),
        ("1.5m", 90.0),
        ("2w", 1_209_600.0),
        (" 5s ", 5.0),
        ("7", 7.0),
        (90, 90.0),
        (0.25, 0.25),
        (0, 0.0),
    ],
)
def test_durations_become_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "s", "5 parsecs", "-5s", -1, True, None, [1], float("nan"), float("inf"), "1s1", "9" * 400 + "s"]
)
def test_what_is_no_duration_is_refused_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match="500ms, 60s, 5m, 1h or 30d"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [("64MB", 64_000_000), ("64MiB", 67_108_864), ("256 kb", 256_000), ("1.5KiB", 1536), (1024, 1024), ("10", 10)],
)
def test_sizes_become_bytes(written: object, size_bytes: int) -> None:
    assert parse_size(written) == size_bytes


@pytest.mark.parametrize("written", ["64XB", "MB", "", -1, True, None, "64 M B", "9" * 400 + "MB"])
def test_what_is_no_size_is_refused_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match="64MB, 64MiB or 512KB"):
        parse_size(written)


@pytest.mark.parametrize(("written", "count"), [("1M", 1_000_000), ("1k", 1000), (1, 1), ("250", 250)])
def test_counts_know_thousands_and_millions(written: object, count: int) -> None:
    assert parse_count(written) == count


@pytest.mark.parametrize("written", [0, "0", "1G", "", None])
def test_what_is_no_positive_count_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="positive count"):
        parse_count(written)


@pytest.mark.parametrize(
    "text",
    ["claude-.*", r"claude-sonnet-4(-\d{8})?", "(gpt|o)-.*", r"(?i)gpt-[45].*", r"\(a+\)+", "[(*+]+x", "a{2,3}b{4}"],
)
def test_ordinary_regexes_are_taken(text: str) -> None:
    assert compile_pattern(text).pattern == text


@pytest.mark.parametrize("text", ["(a+)+", "(a|a)*", "(?:a*)*b", "(?P<name>a{2,}){3}", "((a?)b)*", "([a-z]+)*$"])
def test_a_regex_that_takes_exponential_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="repeated group"):
        compile_pattern(text)


def test_a_regex_with_many_open_repetitions_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 4 open repetitions"):
        compile_pattern("a*b*c*d*e*f")


def test_a_long_regex_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 200"):
        compile_pattern("a" * 201 + ".*")


@pytest.mark.parametrize("text", ["(", "[", "*", "(?P<", "a{2,1}", r"\1"])
def test_what_is_no_regex_is_refused_as_such(text: str) -> None:
    with pytest.raises(ValueError, match=f"bad regex {re.escape(repr(text))}"):
        compile_pattern(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com", "*"])
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("url", ["https://api.example.com/v1", "http://127.0.0.1:9999", "https://x.example/v1##"])
def test_addresses_of_upstreams(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize("url", ["ftp://x.example", "api.example.com", "http://", "", "https://me:pw@x.example"])
def test_what_is_no_address_or_holds_a_password_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must") as error:
        check_url(url)

    assert "pw" not in str(error.value)


def test_white_space_around_a_key_is_cut_off() -> None:
    key = check_api_key(SecretStr(" secret\n"))

    assert key is not None
    assert key.get_secret_value() == "secret"


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as error:
        check_api_key(SecretStr(key))

    assert not key.strip() or key.strip() not in str(error.value)
