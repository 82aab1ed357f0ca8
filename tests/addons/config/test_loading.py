"""Which file, and when it is read again."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from axonhub.addons.config import (
    Config,
    ConfigError,
    Finding,
    Loaded,
    Problem,
    find_config,
    load_config,
    read_if_changed,
    render_problems,
)

Write = Callable[[str], Path]


@pytest.fixture
def system_wide(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "config.yml"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("metrics: {}\n", encoding="utf-8")
    return path


def test_the_usual_places_are_searched_in_order(tmp_path: Path, system_wide: Path) -> None:
    cwd, home = tmp_path / "cwd", tmp_path / "home"
    cwd.mkdir()
    environ = {"HOME": str(home)}
    found = [find_config(None, environ, cwd, system_wide)]

    for place in (home / ".config/axonhub/config.yml", system_wide, cwd / "conf/config.yml", cwd / "config.yml"):
        touch(place)
        found.append(find_config(None, environ, cwd, system_wide))

    assert found == [
        None,
        home / ".config/axonhub/config.yml",
        system_wide,
        cwd / "conf/config.yml",
        cwd / "config.yml",
    ]


def test_a_named_file_goes_first_and_the_option_before_the_variable(tmp_path: Path, system_wide: Path) -> None:
    touch(tmp_path / "config.yml")
    environ = {"AXONHUB_CONFIG": "from-variable.yml", "HOME": "/home/me"}

    assert find_config(None, environ, tmp_path, system_wide) == tmp_path / "from-variable.yml"
    assert find_config(Path("from-option.yml"), environ, tmp_path, system_wide) == tmp_path / "from-option.yml"
    assert find_config(Path("/x/y.yml"), environ, tmp_path, system_wide) == Path("/x/y.yml")
    assert find_config(Path("~/y.yml"), environ, tmp_path, system_wide) == Path("/home/me/y.yml")


def test_an_empty_variable_names_no_file(tmp_path: Path, system_wide: Path) -> None:
    environ = {"AXONHUB_CONFIG": "", "HOME": str(tmp_path)}

    assert find_config(None, environ, tmp_path, system_wide) is None


def test_a_named_file_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "nowhere.yml", {})

    assert str(error.value) == f"{tmp_path / 'nowhere.yml'}: error: cannot be read: No such file or directory"


def test_problems_are_rendered_one_a_line() -> None:
    rendered = render_problems(
        [
            Problem("channels[0].typ", 12, 'unknown key, did you mean "type"?'),
            Problem("server.port", None, "must be a whole number", file="AXONHUB_SERVER_PORT"),
            Problem("", 1, "the file is empty", "warning"),
        ]
    )

    assert rendered.splitlines() == [
        'config.yml:12: error: channels[0].typ: unknown key, did you mean "type"?',
        "AXONHUB_SERVER_PORT: error: server.port: must be a whole number",
        "config.yml:1: warning: the file is empty",
    ]


def test_an_error_carries_the_warnings_too(write: Write) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(write("server: {port: x}\n"), {"AXONHUB_NOTHING": "1"})

    assert [each.severity for each in error.value.problems] == ["error", "warning"]


def test_channel_types_add_findings_of_their_own(write: Write) -> None:
    def check(config: Config) -> Iterator[Finding]:
        for index, channel in enumerate(config.channels):
            if channel.settings.dialect:
                yield Finding(("channels", index, "settings", "dialect", "flag"), "unknown flag")

    text = "channels:\n  - name: a\n    type: openai\n    settings:\n      dialect:\n        flag: 1\n"
    with pytest.raises(ConfigError) as error:
        load_config(write(text), {}, check=check)

    assert str(error.value).endswith(":6: error: channels[0].settings.dialect.flag: unknown flag")


def test_a_loaded_file_tells_the_line_of_a_later_finding(write: Write) -> None:
    loaded = load_config(write("server:\n  host: localhost\n"), {})

    assert loaded.problem(("server", "host"), "not here", "warning").line == 2


def change(path: Path, text: str) -> None:
    """Some file systems count time coarsely, so that two writes may look like one: the time is set."""
    before = path.stat().st_mtime_ns
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))


def test_nothing_new_is_none(write: Write) -> None:
    assert read_if_changed(load_config(write("server: {port: 1}\n"), {}), {}) is None


def test_a_good_edit_is_loaded(write: Write) -> None:
    loaded = load_config(write("server: {port: 1}\n"), {})

    change(loaded.path, "server: {port: 2}\n")

    changed = read_if_changed(loaded, {})
    assert isinstance(changed, Loaded)
    assert changed.config.server.port == 2
    assert loaded.config.server.port == 1
    assert read_if_changed(changed, {}) is None


def test_a_bad_edit_is_told_once_and_the_next_one_again(write: Write) -> None:
    loaded = load_config(write("server: {port: 1}\n"), {})

    change(loaded.path, "server: {port: x}\n")
    refused = read_if_changed(loaded, {})
    assert isinstance(refused, ConfigError)
    assert read_if_changed(loaded, {}, refused) is None

    change(loaded.path, "server: {prot: 1}\n")
    again = read_if_changed(loaded, {}, refused)
    assert isinstance(again, ConfigError)
    assert "prot" in str(again)


def test_the_old_text_back_again_is_nothing_new(write: Write) -> None:
    loaded = load_config(write("server: {port: 1}\n"), {})
    change(loaded.path, "server: {port: x}\n")
    refused = read_if_changed(loaded, {})
    assert isinstance(refused, ConfigError)

    change(loaded.path, "server: {port: 1}\n")

    assert read_if_changed(loaded, {}, refused) is None


def test_a_file_that_an_editor_replaces_is_seen(write: Write, tmp_path: Path) -> None:
    loaded = load_config(write("server: {port: 1}\n"), {})
    other = tmp_path / "new.yml"
    other.write_text("server: {port: 2}\n", encoding="utf-8")

    loaded.path.unlink()
    assert read_if_changed(loaded, {}) is None
    other.rename(loaded.path)

    changed = read_if_changed(loaded, {})
    assert isinstance(changed, Loaded)
    assert changed.config.server.port == 2


def test_an_emptied_file_is_refused(write: Write) -> None:
    loaded = load_config(write("server: {port: 1}\n"), {})

    change(loaded.path, "")

    refused = read_if_changed(loaded, {})
    assert isinstance(refused, ConfigError)
    assert "empty" in str(refused)
