"""What an operator makes at run time: kept across restarts, beside config.yml, and no secret where it can be seen."""

import json
import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from axonhub.addons.config import ApiKey, Channel, Config, Profile
from axonhub.addons.runtime.changes import Changes, read
from axonhub.addons.runtime.merging import InForce
from axonhub.addons.runtime.refusals import Conflict, Declared, Invalid, NotFound, Stale
from axonhub.addons.store.state import RuntimeState

CREDENTIAL = "sk-credential-of-the-new-channel"
SECRET_KEY = "aws-secret-of-the-new-channel"
DECLARED = Config(
    api_keys=(ApiKey(name="me", key="ah-key-of-the-file", profiles=(Profile(name="filed"),)),),
    channels=(
        Channel(name="filed", type="openai", supported_models=("m",)),
        Channel(name="waits", type="openai", status="disabled", disabled_reason="set OPENAI_API_KEY"),
    ),
)
CHANNEL = {"name": "new", "type": "openai", "api_keys": [CREDENTIAL], "supported_models": ["m"]}
GUIDE = {
    "name": "deepseek",
    "model_mappings": [
        {"from": "claude-sonnet-4-5", "to": "deepseek-reasoner"},
        {"from": "claude-haiku-4-5", "to": "deepseek-chat"},
    ],
}


@pytest.fixture
def changes(tmp_path: Path) -> Changes:
    return Changes(lambda: DECLARED, lambda: tmp_path)


def now(folder: Path, declared: Config = DECLARED) -> InForce:
    """What a gateway that starts there finds."""
    state = RuntimeState(folder)
    return read(declared, state.load(), state.secrets())


def files(folder: Path) -> Mapping[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_key_is_told_once_kept_as_its_digest_and_found_after_a_restart(changes, tmp_path):
    made = changes.create_key({"name": "new"})
    found = now(tmp_path).config.api_keys[-1]

    assert ("new", sha256(made.key.encode()).hexdigest()) == (found.name, found.key_sha256)
    assert made.key.startswith("ah-")
    assert made.tail == made.key[-4:]
    assert all(made.key not in text for text in files(tmp_path).values())


def test_channel_begins_disabled_and_its_secrets_are_in_one_private_file_only(changes, tmp_path):
    settings = {"aws": {"region": "eu", "access_key_id": "AK", "secret_access_key": SECRET_KEY}}
    shown = changes.create_channel({**CHANNEL, "settings": settings})
    (found,) = [each for each in now(tmp_path).config.channels if each.name == "new"]

    assert "disabled" == shown.status == found.status
    assert CREDENTIAL == found.api_keys[0].get_secret_value()
    assert SECRET_KEY == found.settings.aws.secret_access_key.get_secret_value()
    holding = [name for name, text in files(tmp_path).items() if CREDENTIAL in text or SECRET_KEY in text]
    assert ["credentials.json"] == holding
    assert 0o600 == stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode)
    assert 0o600 == stat.S_IMODE((tmp_path / "state.json").stat().st_mode)
    told = shown.model_dump_json()
    assert CREDENTIAL not in told
    assert SECRET_KEY not in told
    assert ["sk-c****nnel"] == shown.api_keys


def test_changed_channel_keeps_the_credentials_that_were_not_given_again(changes, tmp_path):
    shown = changes.create_channel({**CHANNEL, "api_keys": [CREDENTIAL, "sk-the-other-credential"]})
    changes.change_channel("new", {"weight": 7})
    changes.change_channel("new", {"api_keys": [shown.api_keys[1], "sk-a-third-credential-here"]})
    (found,) = [each for each in now(tmp_path).config.channels if each.name == "new"]

    assert 7 == found.weight
    assert ["sk-the-other-credential", "sk-a-third-credential-here"] == [
        each.get_secret_value() for each in found.api_keys
    ]
    assert CREDENTIAL not in (tmp_path / "credentials.json").read_text()


def test_deleted_channel_leaves_no_credential_behind(changes, tmp_path):
    changes.create_channel(CHANNEL)
    changes.delete_channel("new")

    assert CREDENTIAL not in "".join(files(tmp_path).values())
    assert {"filed", "waits"} == {each.name for each in now(tmp_path).config.channels}


def test_profile_of_the_guide_is_created_assigned_and_switched(changes, tmp_path):
    changes.create_profile(GUIDE)
    changes.assign("me", "deepseek")
    shown = changes.use_profile("me", "DeepSeek")
    there = now(tmp_path)
    profile = there.active_profile(there.config.api_keys[0])

    assert "deepseek" == shown.active_profile
    assert profile is not None
    assert ["deepseek-reasoner", "deepseek-chat"] == [each.to for each in profile.model_mappings]

    assert None is changes.use_profile("me", None).active_profile
    assert ["filed"] == changes.unassign("me", "deepseek").profiles


def test_profile_that_is_in_use_is_neither_deleted_nor_taken_away(changes):
    changes.create_profile(GUIDE)
    changes.create_key({"name": "new", "profiles": ["deepseek"], "active_profile": "deepseek"})

    with pytest.raises(Conflict, match="new"):
        changes.delete_profile("deepseek")
    with pytest.raises(Conflict, match="switch it first"):
        changes.unassign("new", "deepseek")


def test_status_of_what_the_file_declares_is_switched_and_nothing_else(changes, tmp_path):
    changes.switch_channel("filed", "disabled")
    assert "disabled" == now(tmp_path).config.channels[0].status

    changes.switch_channel("filed", "enabled")
    assert "enabled" == now(tmp_path).config.channels[0].status
    assert {} == json.loads((tmp_path / "state.json").read_text())["state"]["1"]["value"]

    with pytest.raises(Declared):
        changes.change_channel("filed", {"weight": 1})
    with pytest.raises(Declared):
        changes.delete_key("me")


def test_channel_that_waits_for_a_variable_cannot_be_enabled(changes):
    with pytest.raises(Conflict, match="OPENAI_API_KEY"):
        changes.switch_channel("waits", "enabled")


def test_change_of_what_was_changed_meanwhile_is_refused(changes):
    first = changes.create_channel(CHANNEL)
    second = changes.change_channel("new", {"weight": 7}, first.version)

    with pytest.raises(Stale):
        changes.change_channel("new", {"weight": 8}, first.version)
    assert 9 == changes.change_channel("new", {"weight": 9}, second.version).model_dump()["weight"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"type": "openai"}, "name: required"),
        ({"name": "x", "type": "opnai"}, "unknown channel type"),
        ({"name": "x", "type": "openai", "weihgt": 1}, 'weihgt: unknown key, did you mean "weight"'),
        ({"name": "x/y", "type": "openai"}, "slash"),
        ({"name": "x", "type": "claude-code", "api_keys": ["token-of-someone-else"]}, "sk-ant"),
        ({"name": "x", "type": "openai", "api_keys": ["sk-c****nnel"]}, "masked"),
        ({"name": "x", "type": "openai", "disabled_reason": "me"}, "disabled_reason"),
        ({"name": "x", "type": "openai", "settings": {"dialect": {"no": True}}}, "no such flag"),
    ],
)
def test_channel_that_could_not_serve_is_refused_in_words_and_not_kept(changes, tmp_path, given, word):
    with pytest.raises(Invalid, match=word.replace("*", r"\*")) as refused:
        changes.create_channel(given)

    assert "token-of-someone-else" not in str(refused.value)
    assert {"filed", "waits"} == {each.name for each in now(tmp_path).config.channels}


def test_names_are_unique_and_unknown_ones_are_told(changes):
    changes.create_channel(CHANNEL)

    with pytest.raises(Conflict):
        changes.create_channel(CHANNEL)
    with pytest.raises(Conflict):
        changes.create_channel({**CHANNEL, "name": "filed"})
    with pytest.raises(NotFound):
        changes.switch_key("nobody", "disabled")
    with pytest.raises(NotFound):
        changes.assign("me", "nothing")


def test_file_wins_over_what_was_made_under_the_same_name(changes, tmp_path):
    changes.create_channel(CHANNEL)
    edited = DECLARED.model_copy(update={"channels": (Channel(name="new", type="anthropic"),)})
    there = now(tmp_path, edited)

    assert ["anthropic"] == [each.type for each in there.config.channels]
    assert "config.yml declares" in there.faults[0]


def test_what_cannot_be_read_any_more_keeps_nothing_else_from_serving(changes, tmp_path):
    changes.create_channel(CHANNEL)
    changes.create_key({"name": "new"})
    (tmp_path / "credentials.json").unlink()
    there = now(tmp_path)

    assert "new" not in {each.name for each in there.config.channels}
    assert "new" in {each.name for each in there.config.api_keys}
    assert "lost" in there.faults[0]


def test_price_goes_before_the_files_and_can_be_changed(changes, tmp_path):
    made = changes.create_price({"model": "m", "input": "0.1", "output": "0.4"})
    changed = changes.change_price(made.id, {"input": "0.2"}, made.version)
    (price,) = now(tmp_path).config.prices

    assert "0.2" == str(price.input)
    assert made.version != changed.version

    changes.delete_price(made.id)
    assert () == now(tmp_path).config.prices


def test_quota_of_a_key_is_replaced_and_taken_away_and_nothing_else_changes(changes, tmp_path):
    made = changes.create_key({"name": "new", "quota": {"requests": 5}})
    shown = changes.limit_key("new", {"tokens": 9})
    (found,) = [each for each in now(tmp_path).config.api_keys if each.name == "new"]

    assert (None, 9) == (found.quota.requests, found.quota.tokens)
    assert {"tokens": 9} == shown.quota
    assert made.tail == shown.tail
    assert sha256(made.key.encode()).hexdigest() == found.key_sha256

    changes.limit_key("new", None)
    (found,) = [each for each in now(tmp_path).config.api_keys if each.name == "new"]
    assert None is found.quota.tokens
    with pytest.raises(Declared):
        changes.limit_key("me", {"tokens": 9})


def test_null_in_a_patch_goes_back_to_the_default(changes):
    changes.create_channel({**CHANNEL, "weight": 7, "settings": {"rate_limit": {"rpm": 3, "tpm": 4}}})
    shown = changes.change_channel("new", {"weight": None, "settings": {"rate_limit": {"rpm": None}}})

    assert 100 == shown.weight
    assert {"rate_limit": {"tpm": 4}} == shown.settings
