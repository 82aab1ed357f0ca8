"""What is wrong with an override is told when config.yml is read, at its line."""

from pathlib import Path

import pytest

from axonhub.addons.channels.checking import findings
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import ConfigError, Loaded, load_config

HEAD = """\
channels:
  - name: c
    type: openai
    supported_models: [m]
    settings:
"""


def load(tmp_path: Path, text: str) -> Loaded:
    file = tmp_path / "config.yml"
    file.write_text(HEAD + text, encoding="utf-8")
    return load_config(file, {}, known_types=channel_types(), check=findings)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('      body_override_operations:\n        - {op: delete, path: a, condition: "{{ model"}', 7, "bad template"),
        ('      body_override_operations:\n        - {op: delete, path: a, condition: "~nonsense x"}', 7, "bad filter"),
        ("      body_override_operations:\n        - {op: delete, path: a..b}", 7, "a step is empty"),
        ("      body_override_operations:\n        - {op: delete, path: stream.x}", 7, "stream cannot be overridden"),
        ("      body_override_operations:\n        - {op: set, path: a}", 7, "set needs value"),
        (
            "      header_override_operations:\n\n        - {op: delete, path: Host}",
            8,
            "host is for the gateway to say",
        ),
    ],
)
def test_fault_refuses_the_file_with_its_line(tmp_path: Path, text: str, line: int, words: str):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    (problem,) = caught.value.problems
    assert (line, "error") == (problem.line, problem.severity)
    assert words in problem.message


def test_bad_template_as_value_is_used_as_it_stands_with_a_warning(tmp_path: Path):
    text = (
        '      body_override_operations:\n        - op: set\n          path: a\n          value: {x: ["{{ .Model }}"]}'
    )
    (problem,) = load(tmp_path, text).problems

    assert (9, "warning") == (problem.line, problem.severity)
    assert "names stand without a dot in front" in problem.message


def test_good_overrides_are_no_finding(tmp_path: Path):
    text = (
        '      body_override_operations:\n        - {op: set, path: a, value: "{{ model }}", condition: "~bq x"}\n'
        "      header_override_operations: {X-Team: blue}"
    )

    assert () == load(tmp_path, text).problems
