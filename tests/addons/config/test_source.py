"""From the text of a file to values, with the line of each."""

from collections.abc import Callable

import pytest
import yaml

from axonhub.addons.config import Loaded, Problem
from axonhub.addons.config.document import Document
from axonhub.addons.config.source import LOADER, read_document


def read(text: str | bytes, **environ: str) -> Document:
    document = read_document(text if isinstance(text, bytes) else text.encode(), "config.yml", environ)
    assert isinstance(document, Document), document
    return document


LOADERS = {yaml.SafeLoader, LOADER}
"""libyaml's, where it is there, is not always of the same opinion as the one in Python."""


def refusal(text: str | bytes, loader: type[yaml.SafeLoader] = LOADER) -> str:
    problem = read_document(text if isinstance(text, bytes) else text.encode(), "config.yml", {}, loader)
    assert isinstance(problem, Problem), problem
    return f"{problem.line}: {problem.message}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a:\n\tb: 1\n", "2: a tab cannot indent in YAML: use spaces"),
        ("a: 1\n b: 2\n", "2: not YAML: "),
        ("a: [1, 2\nb: 3\n", "2: not YAML: "),
        (
            "a: 1\nb: 'open\n",
            "3: not YAML: found unexpected end of stream (while scanning a quoted scalar from line 2)",
        ),
        ("a: *nobody\n", "1: not YAML: "),
        ("a: 1\n---\nb: 2\n", "2: not YAML: "),
        ("a: !!python/name:os.system x\n", "1: not YAML: "),
        ("- a\n", "1: must begin with sections"),
        ("\n\nplain text\n", "3: must begin with sections"),
        ("", "1: the file is empty"),
        ("# only a comment\n", "1: the file is empty"),
        (b"a: 1\nb: \xff\n", "2: not UTF-8 text"),
        ("a: 1\nb: \x00\n", "2: not YAML: a character that it does not allow"),
        ("a: &a [*a]\n", "1: not YAML: "),
        ("a: " + "[" * 5000 + "]" * 5000, "1: nested too deeply"),
    ],
)
@pytest.mark.parametrize("loader", sorted(LOADERS, key=str))
def test_what_is_no_yaml_mapping_is_refused_with_its_line(
    text: str | bytes, complaint: str, loader: type[yaml.SafeLoader]
) -> None:
    assert refusal(text, loader).startswith(complaint)


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    levels = [
        f"{name}: &{name} [{', '.join(['*' + below] * 10)}]" for below, name in zip("abcdefg", "bcdefgh", strict=True)
    ]
    text = "\n".join(["a: &a [x]", *levels, ""])

    assert "aliases without end" in refusal(text)


def test_every_value_has_its_line() -> None:
    document = read("server:\n  port: 1\n\nchannels:\n  - name: a\n    tags:\n      - x\n      - y\n")

    assert document.mark.find(["server", "port"]).line == 2
    assert document.mark.find(["channels", 0]).line == 5
    assert document.mark.find(["channels", 0, "tags", 1]).line == 8
    assert document.mark.find(["channels", 0, "tags", 1]).path == "channels[0].tags[1]"


def test_what_is_not_there_has_the_line_of_what_should_hold_it() -> None:
    document = read("channels:\n  - name: a\n")

    missing = document.mark.find(["channels", 0, "settings", "proxy"])
    assert (missing.path, missing.line) == ("channels[0].settings.proxy", 2)


def test_keys_written_twice_are_reported_and_the_first_one_counts() -> None:
    document = read("a: 1\nb: 2\na: 3\n")

    assert document.data == {"a": 1, "b": 2}
    assert [(each.line, each.path, each.message) for each in document.problems] == [
        (3, "a", "written twice, first in line 1")
    ]


def test_anchors_and_merged_mappings_work() -> None:
    document = read("base: &base {x: 1, y: 2}\none:\n  <<: *base\n  y: 3\ntwo: *base\n")

    assert document.data["one"] == {"x": 1, "y": 3}
    assert document.data["two"] == {"x": 1, "y": 2}
    assert document.problems == []


def test_a_key_that_is_not_text_is_reported() -> None:
    document = read("a: 1\n? [x, y]\n: 2\n")

    assert [(each.line, each.message) for each in document.problems] == [(2, "a key must be text")]


def test_references_work_inside_braces_and_brackets_without_quotes() -> None:
    document = read("a: {b: ${X}, c: [${Y:-y z}, ${Z:-}]} # ${COMMENT}\n", X="x")

    assert document.data == {"a": {"b": "x", "c": ["y z", ""]}}
    assert document.variables == {"X", "Y", "Z"}


def test_references_work_in_quotes_and_blocks() -> None:
    document = read("a: \"<${X}>\"\nb: '${X:-it}'\nc: |\n  one ${X}\n  two\n", X="x")

    assert document.data == {"a": "<x>", "b": "x", "c": "one x\ntwo\n"}


def test_what_only_looks_like_a_date_is_text() -> None:
    assert read("a: 2025-13-01\n").data == {"a": "2025-13-01"}


def test_a_character_that_loading_uses_itself_may_stand_in_the_file() -> None:
    assert read('a: "\ue0000\ue001"\nb: ${X}\n', X="x").data == {"a": "\ue0000\ue001", "b": "x"}


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    assert read(b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


CHANNEL = """
channels:
  - name: c
    type: openai
    base_url: ${BASE_URL:-http://127.0.0.1:1}
    api_keys: ["${FIRST}", "${SECOND}"]
  - name: fallback
    type: demo
"""


def test_a_channel_without_its_variables_is_disabled_and_says_why(load: Callable[..., Loaded]) -> None:
    loaded = load(CHANNEL)

    channel, other = loaded.config.channels
    assert (channel.status, channel.disabled_reason, channel.api_keys) == ("disabled", "set FIRST or SECOND", ())
    assert (other.status, other.disabled_reason) == ("enabled", None)
    assert loaded.problems == ()


@pytest.mark.parametrize(
    "environ", [{"FIRST": "one"}, {"FIRST": "one", "SECOND": ""}, {"FIRST": "one", "SECOND": " \n"}]
)
def test_a_channel_works_with_the_credentials_that_are_set(
    environ: dict[str, str], load: Callable[..., Loaded], problems: Callable[..., list[str]]
) -> None:
    channel = load(CHANNEL, environ).config.channels[0]

    assert (channel.status, channel.disabled_reason) == ("enabled", None)
    assert [key.get_secret_value() for key in channel.api_keys] == ["one"]
    assert problems(CHANNEL, environ) == [
        "6: warning: channels[0].api_keys: works without one credential: SECOND is not set"
    ]


def test_any_other_variable_that_is_unset_disables_a_channel_too(load: Callable[..., Loaded]) -> None:
    text = "channels: [{name: c, type: openai, base_url: '${URL}', weight: '${WEIGHT}', api_keys: ['${KEY}']}]\n"

    channel = load(text, {"WEIGHT": "7"}).config.channels[0]

    assert (channel.status, channel.disabled_reason, channel.weight) == ("disabled", "set KEY and URL", 7)


@pytest.mark.parametrize("status", ["disabled", "archived"])
def test_a_status_that_the_operator_chose_stays(status: str, load: Callable[..., Loaded]) -> None:
    text = f"channels: [{{name: c, type: openai, api_keys: ['${{KEY}}'], status: {status}}}]\n"

    channel = load(text).config.channels[0]

    assert (channel.status, channel.disabled_reason) == (status, "set KEY")


@pytest.mark.parametrize("environ", [{}, {"TEAM_KEY": ""}])
@pytest.mark.parametrize("attribute", ["key", "key_sha256"])
def test_a_key_without_its_variable_is_disabled_and_says_why(
    environ: dict[str, str], attribute: str, load: Callable[..., Loaded]
) -> None:
    key = load(f"api_keys:\n  - name: team\n    {attribute}: ${{TEAM_KEY}}\n", environ).config.api_keys[0]

    assert (key.status, key.disabled_reason, key.key, key.key_sha256) == ("disabled", "set TEAM_KEY", None, None)


def test_elsewhere_an_unset_variable_is_an_error(problems: Callable[..., list[str]]) -> None:
    assert problems("server:\n  host: ${HOST}\n") == [
        "2: error: server.host: environment variable HOST is not set; ${HOST:-…} gives a default"
    ]


def test_a_bad_reference_is_an_error_at_its_line(problems: Callable[..., list[str]]) -> None:
    assert problems('server:\n  host: "${HOST"\n') == ["2: error: server.host: '${' without its '}'"]


def test_the_reason_is_not_for_the_file_to_say(problems: Callable[..., list[str]]) -> None:
    text = "api_keys:\n  - name: k\n    key: secret\n    disabled_reason: because\n"

    assert problems(text) == ["4: error: api_keys[0].disabled_reason: unknown key"]
