"""Every fault of a file at once, each at its line and in plain words."""

from collections.abc import Callable

import pytest

Problems = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server:\n  prot: 1\n", '2: error: server.prot: unknown key, did you mean "port"?'),
        (
            "server:\n  claude_code_trace_enabled: true\n",
            "2: error: server.claude_code_trace_enabled: unknown key, it belongs in server.trace",
        ),
        ("zebra: 1\n", "1: error: zebra: unknown key"),
        ("server:\n  llm_request_timeout_s: 5\n", "2: error: server.llm_request_timeout_s: unknown key"),
        ("server:\n  port: 70000\n", "2: error: server.port: must be at most 65535"),
        ("server:\n  port: 80.5\n", "2: error: server.port: must be a whole number"),
        ("server:\n  port: [1]\n", "2: error: server.port: must be a whole number"),
        ("server:\n  host: 1.1\n", "2: error: server.host: must be text: put it in quotes"),
        ("server:\n  base_path: ai/\n", "2: error: server.base_path: must be empty, or begin with /"),
        ("server:\n  llm_request_timeout: soon\n", "2: error: server.llm_request_timeout: must be a duration"),
        ("server:\n  llm_request_timeout: 0\n", "2: error: server.llm_request_timeout: must be more than 0"),
        ("server:\n  trace: {thread_header: 'a b'}\n", "2: error: server.trace.thread_header: holds a character"),
        ("store:\n  ack: maybe\n", "2: error: store.ack: must be 'written' or 'durable'"),
        ("store:\n  request_bodies: perhaps\n", "2: error: store.request_bodies: must be true or false"),
        ("channels: none\n", "1: error: channels: must be a list"),
        ("channels:\n  - demo\n", "2: error: channels[0]: must be a section of `key: value` lines"),
        ("channels:\n  - name: a\n    type:\n", "3: error: channels[0].type: required key is missing"),
        ("channels:\n  - {name: '', type: demo}\n", "2: error: channels[0].name: must not be empty"),
        ("channels:\n  - {name: a, type: demo, weight: 101}\n", "2: error: channels[0].weight: must be at most 100"),
        ("channels:\n  - {name: a, type: demo, api_keys: ['']}\n", "2: error: channels[0].api_keys: must not hold an"),
        ("prices:\n  - {model: m, input: x, output: 1}\n", "2: error: prices[0].input: must be a number"),
        ("prices:\n  - {model: m, input: 1, output: -1}\n", "2: error: prices[0].output: must be at least 0"),
    ],
)
def test_a_fault_is_told_at_its_line(text: str, expected: str, problems: Problems) -> None:
    found = problems(text)

    assert [line[: len(expected)] for line in found] == [expected]


EVERYTHING = """
    sever: {}
    api_keys:
      - name: me
        key: secret-value
        active_profile: fast
        profiles:
          - name: fast
            model_mappings:
              - {from: "(", to: served}
              - {from: asked, to: nowhere}
              - {from: twice, to: served}
              - {from: twice, to: served}
              - {to: served}
      - name: me
        key: 12345
    channels:
      - name: one
        typ: openai
        type: opnai
        wieght: 5
        weight: 500
        supported_models: [served]
    prices:
      - {channel: one, modl: served, input: 1, output: cheap}
    """


def test_one_look_finds_everything(problems: Problems) -> None:
    assert problems(EVERYTHING) == [
        '2: error: sever: unknown key, did you mean "server"?',
        "10: error: api_keys[0].profiles[0].model_mappings[0].from: "
        "bad regex '(': missing ), unterminated subpattern at position 0",
        "11: warning: api_keys[0].profiles[0].model_mappings[1].to: dead mapping: no channel serves 'nowhere'",
        "13: warning: api_keys[0].profiles[0].model_mappings[3].from: "
        "never used: an earlier mapping matches 'twice' first (line 12)",
        "14: error: api_keys[0].profiles[0].model_mappings[4].from: required key is missing",
        "16: error: api_keys[1].key: must be text: put it in quotes",
        '19: error: channels[0].typ: unknown key, did you mean "type"?',
        "20: error: channels[0].type: unknown channel type 'opnai', did you mean \"openai\"?",
        '21: error: channels[0].wieght: unknown key, did you mean "weight"?',
        "22: error: channels[0].weight: must be at most 100",
        "25: error: prices[0].model: required key is missing",
        '25: error: prices[0].modl: unknown key, did you mean "model"?',
        "25: error: prices[0].output: must be a number",
    ]


def test_no_secret_is_in_any_problem(problems: Problems) -> None:
    text = """
        api_keys:
          - {name: a, key: "two secrets"}
          - {name: b, key: secret-three, key_sha256: secret-four}
          - {name: c, key: [secret-five]}
        channels:
          - {name: a, type: demo, api_keys: secret-six, settings: {proxy: {password: [secret-seven]}}}
          - {name: b, type: demo, base_url: "https://secret-eight@example.com"}
        server: {admin: {token: {secret-nine: 1}}}
        """

    found = problems(text)

    assert len(found) == 7
    assert "secret" not in "".join(found)


@pytest.mark.parametrize("fault", ["suported_models: [served]", "supported_models: served", "nam: x"])
def test_a_channel_that_could_not_be_read_makes_no_mapping_dead(fault: str, problems: Problems) -> None:
    name = "" if fault.startswith("nam") else "name: one, "
    text = (
        "api_keys: [{name: me, key: k, profiles: [{name: p, model_mappings: [{from: a, to: served}]}]}]\n"
        f"channels: [{{{name}type: openai, {fault}}}]\n"
    )

    found = problems(text)

    assert found
    assert all("channels[0]" in line for line in found)


def test_a_key_with_nothing_behind_it_counts_as_not_written(problems: Problems) -> None:
    assert problems("server:\n  port:\n  trace:\nchannels:\nretry:\n") == []
