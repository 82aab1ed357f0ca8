"""The kinds of value in config.yml: durations, sizes, patterns, names. A bad one is a ValueError in plain words."""

import math
import re
from datetime import UTC, time, tzinfo
from functools import lru_cache
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

DURATION_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+", re.ASCII)
DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)

SIZE_UNITS_BYTES = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)

COUNT_UNITS = {"": 1, "k": 10**3, "m": 10**6}
COUNT = re.compile(r"(\d+)\s*([kKmM]?)", re.ASCII)

LONGEST_PATTERN = 200
LONGEST_MATCHED_NAME = 256
MOST_OPEN_REPETITIONS = 4
METACHARACTERS = frozenset(".^$*+?{}[]\\|()")


def parse_duration(value: object) -> float:
    """Seconds from `600s`, `1h30m`, `500ms`, `30d` or a plain number of seconds."""
    text = plain_number(value)
    try:
        seconds = sum_of_parts(text) if DURATION.fullmatch(text) else float(text)
    except ValueError:
        seconds = -1.0
    if seconds < 0 or not math.isfinite(seconds):
        raise ValueError("must be a duration such as 500ms, 60s, 5m, 1h or 30d; a plain number is seconds")
    return seconds


def sum_of_parts(text: str) -> float:
    return sum(float(number) * DURATION_UNITS_S[unit] for number, unit in DURATION_PART.findall(text))


def parse_size(value: object) -> int:
    """Bytes from `64MB` (powers of 1000), `64MiB` (powers of 1024) or a plain number of bytes."""
    found = SIZE.fullmatch(plain_number(value))
    size_bytes = float(found[1]) * SIZE_UNITS_BYTES.get(found[2].lower(), math.nan) if found else math.nan
    if not math.isfinite(size_bytes):
        raise ValueError("must be a size such as 64MB, 64MiB or 512KB; a plain number is bytes")
    return round(size_bytes)


def parse_count(value: object) -> int:
    """`1M`, `1k` or a plain whole number."""
    found = COUNT.fullmatch(plain_number(value))
    if found is None or int(found[1]) == 0:
        raise ValueError("must be a positive count such as 1M, 1k or 1")
    return int(found[1]) * COUNT_UNITS[found[2].lower()]


def plain_number(value: object) -> str:
    """The text of a number or of a quantity with its unit; "" for what is neither, which no pattern matches."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return ""
    return str(value).strip()


def is_exact(text: str) -> bool:
    """Whether a mapping's `from` can match itself only."""
    return METACHARACTERS.isdisjoint(text)


def names_match(pattern: str, name: str) -> bool:
    """Is `name` what an operator wrote, word for word or as a regex of the whole name?"""
    if pattern == name:
        return True
    if is_exact(pattern) or len(name) > LONGEST_MATCHED_NAME:
        return False
    return compile_pattern(pattern).fullmatch(name) is not None


@lru_cache(maxsize=8192)
def compile_pattern(text: str) -> re.Pattern[str]:
    """A regex that cannot run away: a caller chooses the text that it is tried on, and Python's engine backtracks.

    ValueError for a bad regex, one of more than 200 characters, a repetition inside a repeated group (`(a+)+` takes
    exponential time), or more than four open repetitions (each adds a power of the text's length).
    """
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"regex is longer than {LONGEST_PATTERN} characters")
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"bad regex {text!r}: {error}") from error
    refuse_runaway(text)
    return pattern


ESCAPE_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
GROUP_START = re.compile(r"\(\?(?:P?<\w+>|[a-zA-Z-]*:|<?[=!])")
EXACT_REPETITION = re.compile(r"\{\d+\}")
OPEN_REPETITION = re.compile(r"\{\d*,\d*\}")
INNERMOST_GROUP = re.compile(r"\(([^()]*)\)([*+=]?)")


def refuse_runaway(text: str) -> None:
    """Works on the regex's skeleton: letters, `( ) |`, `*` and `+` for open repetitions and `=` for exact ones."""
    skeleton = GROUP_START.sub("(", ESCAPE_OR_CLASS.sub("x", text))
    skeleton = OPEN_REPETITION.sub("*", EXACT_REPETITION.sub("=", skeleton))
    while found := INNERMOST_GROUP.search(skeleton):
        body, repetition = found.groups()
        if repetition and not set("*+=?|").isdisjoint(body):
            raise ValueError(f"regex {text!r}: a repeated group must not itself hold a repetition or alternatives")
        skeleton = skeleton[: found.start()] + body + repetition + skeleton[found.end() :]
    if sum(map(skeleton.count, "*+")) > MOST_OPEN_REPETITIONS:
        raise ValueError(f"regex {text!r}: more than {MOST_OPEN_REPETITIONS} open repetitions")


def check_pattern(text: str) -> str:
    if not is_exact(text):
        compile_pattern(text)
    return text


def is_loopback(host: str) -> bool:
    """Whether an address that we listen on, or call, stays on this machine. "" means every address, so it does not."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_url(text: str) -> str:
    """An upstream's address. No credentials in it: addresses are shown in logs and in the console."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a host")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    return text


def check_loopback_url(text: str) -> str:
    if not is_loopback(urlsplit(check_url(text)).hostname or ""):
        raise ValueError("must be a loopback address: this setting is for tests")
    return text


def check_base_path(text: str) -> str:
    if text and (not text.startswith("/") or text.endswith("/")):
        raise ValueError("must be empty, or begin with / and not end with it")
    return text


def check_digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError("must be a SHA-256 digest: 64 hexadecimal digits")
    return text.lower()


def check_api_key(key: SecretStr | None) -> SecretStr | None:
    """A caller's key travels in a header and in a URL; white space around it (a file's last newline) is cut off."""
    if key is None:
        return None
    text = key.get_secret_value().strip()
    if not text or not all("!" <= letter <= "~" for letter in text):
        raise ValueError("must be printable ASCII without white space, and not empty")
    return SecretStr(text)


def check_time_zone(name: str) -> str:
    zone(name)
    return name


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """By its name in the tz database, which UTC does without. Reads a file the first time. ValueError."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"unknown time zone {name!r}: must be UTC or a name such as Europe/Berlin") from error


def read_hours(text: str) -> tuple[time, time]:
    """Begin and end of `16:30-00:30`; an end of 24:00 is midnight. ValueError."""
    begin, _, end = text.partition("-")
    try:
        return time.fromisoformat(begin.strip()), time.fromisoformat(end.strip().replace("24:00", "00:00"))
    except ValueError:
        raise ValueError("must be hours such as 16:30-00:30") from None


def check_hours(text: str) -> str:
    read_hours(text)
    return text


def strip_credentials(credentials: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    stripped = tuple(SecretStr(credential.get_secret_value().strip()) for credential in credentials)
    if not all(credential.get_secret_value() for credential in stripped):
        raise ValueError("must not hold an empty credential")
    return stripped


type Seconds = Annotated[float, BeforeValidator(parse_duration)]
type Bytes = Annotated[int, BeforeValidator(parse_size)]
type Count = Annotated[int, BeforeValidator(parse_count)]
type Name = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")]
type HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
type Port = Annotated[int, Field(ge=0, le=65535)]
type Status = Annotated[int, Field(ge=400, le=599)]
type Pattern = Annotated[str, Field(min_length=1), AfterValidator(check_pattern)]
type Url = Annotated[str, AfterValidator(check_url)]
type LoopbackUrl = Annotated[str, AfterValidator(check_loopback_url)]
type BasePath = Annotated[str, AfterValidator(check_base_path)]
type Digest = Annotated[str, AfterValidator(check_digest)]
type TimeZone = Annotated[str, AfterValidator(check_time_zone)]
type Hours = Annotated[str, AfterValidator(check_hours)]
