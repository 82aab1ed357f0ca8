"""A merge patch on what is there, in which a masked credential stands for the one that it was made of. Pure."""

from collections.abc import Mapping

from pydantic import SecretStr

from axonhub.addons.config import Channel
from axonhub.addons.runtime.refusals import Invalid
from axonhub.addons.runtime.sealing import is_mask, mask

type Given = Mapping[str, object]
"""Keys and values as config.yml has them."""


def patched(current: object, patch: Given) -> dict[str, object]:
    """RFC 7396."""
    result = dict(current) if isinstance(current, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value) if isinstance(value, Mapping) else value
    return result


def unmasked(wanted: object, current: object) -> object:
    """With each mask in a list of credentials, or in the place of one, replaced by what it was made of."""
    if isinstance(wanted, Mapping):
        inner = current if isinstance(current, Mapping) else {}
        return {key: unmasked(value, inner.get(key)) for key, value in wanted.items()}
    texts = [each for each in (current if isinstance(current, list) else [current]) if isinstance(each, str)]
    known = {mask(SecretStr(each)): each for each in texts}
    if isinstance(wanted, list):
        return [known.get(each, each) if isinstance(each, str) and is_mask(each) else each for each in wanted]
    return known.get(wanted, wanted) if isinstance(wanted, str) and is_mask(wanted) else wanted


def refuse_masks(channel: Channel) -> None:
    if any(is_mask(each.get_secret_value()) for each in channel.api_keys):
        raise Invalid("api_keys: a masked credential: give it in full, or leave api_keys out to keep what is there")


def without_name(patch: Given, name: str) -> Given:
    if patch.get("name", name) != name:
        raise Invalid("name: cannot be changed: records refer to it")
    return {key: value for key, value in patch.items() if key != "name"}
