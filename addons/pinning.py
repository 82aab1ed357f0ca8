"""Pins: a request from inside (test, probe, replay) that goes to one channel, through the whole pipeline.

The seam for whoever sends such requests: an ordinary HTTP request to the gateway's own port, at any client's address,
with the headers of `pin_headers` beside a body. Streaming, time limits, conversion, overrides, accounting and the
record are those of any request. Example, for a replay:

    headers = pin_headers(Pin(channel="second", source="replay", replay_of="req_1", key="me"), token)
    POST {base}/v1/messages  with these headers, content-type, and the bytes of the stored request

`token` is the process's own random token (`Internal.token`, inside the process) or the admin token
(`settings.admin_token`, for commands beside it). An API key alone is not enough: its pins are refused with 403.

- `channel`: only this one is tried, also when it is disabled, whatever the profile allows. "": as for any request.
- `model`: asked for instead of the body's, past the profile's mappings; still subject to the channel's own renaming.
- `key`: act as this API key, by name; "": nobody's, so that no profile and no quota applies. `profile`: of this key,
  instead of its active one; `-` for none.
- `credential`: the number of the channel's credential to use, counted from 0.
- `source` and `replay_of` go into the record. The answer's `x-axonhub-request-id` names it.

Authentication takes the headers out of the flow before anything else sees them: they are never sent to a provider,
never stored and never shown.
"""

from dataclasses import fields
from typing import get_args
from urllib.parse import quote, unquote

from pydantic import SecretStr

from axonhub.addons.errors import BadRequest
from axonhub.addons.exchange import Inside, Pin
from axonhub.addons.header_fields import Fields, by_name, without

PREFIX = "x-axonhub-pin-"
_PREFIX = PREFIX.encode()
_TOKEN = "token"
_SOURCES = get_args(Inside.__value__)


def pin_headers(pin: Pin, token: SecretStr) -> dict[str, str]:
    """What makes a request a pinned one. Values are percent-encoded: a channel may have any name."""
    told = {name: value for each in fields(pin) if (value := getattr(pin, name := each.name)) not in ("", None)}
    encoded = {f"{PREFIX}{name.replace('_', '-')}": quote(str(value), safe="") for name, value in told.items()}
    return {**encoded, f"{PREFIX}{_TOKEN}": token.get_secret_value()}


def without_pin(found: Fields) -> tuple[Fields, dict[str, str]]:
    """Header fields without those of a pin; and these, by what stands behind the prefix. {}: the request has no pin."""
    if b"\n".join([name for name, _ in found]).lower().find(_PREFIX) < 0:  # as `in` says, in half the time
        return found, {}
    rest = without(found, (), (_PREFIX,))
    own = tuple(field for field in found if field[0].lower().startswith(_PREFIX))
    return rest, {name.removeprefix(PREFIX): value for name, value in by_name(own).items()}


def shown_token(told: dict[str, str]) -> str:
    return told.get(_TOKEN, "")


def read_pin(told: dict[str, str]) -> Pin:
    """BadRequest for what `pin_headers` would not have written."""
    values = {name.replace("-", "_"): unquote(value) for name, value in told.items() if name != _TOKEN}
    unknown = sorted(set(values) - {each.name for each in fields(Pin)})
    if unknown:
        raise BadRequest(f"{PREFIX}{unknown[0].replace('_', '-')[:50]}: there is no such header")
    if values.get("source") not in _SOURCES:
        raise BadRequest(f"{PREFIX}source: must be one of {', '.join(_SOURCES)}")
    number = values.pop("credential", "")
    if number and not (number.isascii() and number.isdigit() and len(number) < 6):
        raise BadRequest(f"{PREFIX}credential: must be a number, counted from 0")
    return Pin(**values, credential=int(number) if number else None)  # type: ignore[arg-type]  # source was looked at
