"""AXONHUB_* over the file over the defaults."""

from collections.abc import Callable

import pytest

from axonhub.addons.config import Loaded

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

FILE = """
server:
  port: 9000
  trace: {codex_trace_enabled: false}
"""


def test_defaults_stand_where_file_and_environment_are_silent(load: Load) -> None:
    server = load("metrics: {enabled: true}\n").config.server

    assert (server.port, server.host, server.llm_request_timeout_s) == (8090, "127.0.0.1", 600.0)


def test_the_file_goes_over_the_defaults_and_the_environment_over_the_file(load: Load) -> None:
    assert load(FILE).config.server.port == 9000
    assert load(FILE, {"AXONHUB_SERVER_PORT": "9100"}).config.server.port == 9100


def test_settings_of_every_kind_can_be_set(load: Load) -> None:
    environ = {
        "AXONHUB_SERVER_TRACE_CLAUDE_CODE_TRACE_ENABLED": "true",
        "AXONHUB_SERVER_TRACE_CODEX_TRACE_ENABLED": "1",
        "AXONHUB_STORE_RETENTION_BODIES": "1d",
        "AXONHUB_STORE_RETENTION_REQUESTS": "null",
        "AXONHUB_STORE_PATH": "/var/lib/axonhub",
        "AXONHUB_SERVER_MAX_REQUEST_BODY": "1MB",
        "AXONHUB_SERVER_ADMIN_TOKEN": "12345",
        "AXONHUB_LOAD_BALANCE_STRATEGY": "failover",
    }

    config = load(FILE, environ).config

    assert config.server.trace.claude_code_trace_enabled is True
    assert config.server.trace.codex_trace_enabled is True
    assert (config.store.retention.bodies_s, config.store.retention.requests_s) == (86400.0, None)
    assert str(config.store.path) == "/var/lib/axonhub"
    assert config.server.max_request_body_bytes == 1_000_000
    assert config.server.admin.token.get_secret_value() == "12345"
    assert config.load_balance.strategy == "failover"


@pytest.mark.parametrize("text", ["X-One,X-Two", "X-One, X-Two,", "[X-One, X-Two]", '["X-One", "X-Two"]'])
def test_a_list_is_written_with_commas_or_as_yaml_or_json(text: str, load: Load) -> None:
    loaded = load(FILE, {"AXONHUB_SERVER_TRACE_EXTRA_TRACE_HEADERS": text})

    assert loaded.config.server.trace.extra_trace_headers == ("X-One", "X-Two")


def test_an_empty_variable_empties_texts_and_lists_and_leaves_the_rest(load: Load) -> None:
    text = "server: {port: 9000, base_path: /ai, trace: {extra_trace_headers: [X-One]}}\n"
    names = ("AXONHUB_SERVER_PORT", "AXONHUB_SERVER_BASE_PATH", "AXONHUB_SERVER_TRACE_EXTRA_TRACE_HEADERS")

    server = load(text, dict.fromkeys(names, "")).config.server

    assert (server.port, server.base_path, server.trace.extra_trace_headers) == (9000, "", ())


def test_a_bad_value_is_reported_under_its_variable(problems: Problems) -> None:
    environ = {"AXONHUB_SERVER_PORT": "many", "AXONHUB_SERVER_TRACE_EXTRA_TRACE_HEADERS": "[a"}

    assert sorted(problems(FILE, environ)) == [
        "AXONHUB_SERVER_PORT: error: server.port: must be a whole number",
        "AXONHUB_SERVER_TRACE_EXTRA_TRACE_HEADERS: error: server.trace.extra_trace_headers: "
        "must be a list: a, b or [a, b]",
    ]


def test_a_name_that_matches_nothing_is_a_warning_with_a_suggestion(problems: Problems) -> None:
    environ = {"AXONHUB_SEVER_PORT": "1", "AXONHUB_CHANNELS": "[]", "AXONHUB_SERVER": "x", "OTHER": "x"}

    assert problems(FILE, environ) == [
        "AXONHUB_CHANNELS: warning: : sets nothing: the environment can set single values and lists of them",
        "AXONHUB_SERVER: warning: : sets nothing: the environment can set single values and lists of them",
        'AXONHUB_SEVER_PORT: warning: : matches no setting, did you mean "AXONHUB_SERVER_PORT"?',
    ]


def test_names_with_a_use_of_their_own_or_in_the_file_are_no_strays(problems: Problems) -> None:
    text = "store: {path: '${AXONHUB_FOLDER}'}\n"
    environ = dict.fromkeys(("AXONHUB_CONFIG", "AXONHUB_API_KEY", "AXONHUB_FOLDER"), "x")

    assert problems(text, environ) == []


def test_admin_token_and_web_password_come_from_their_variables_unless_something_is_set(load: Load) -> None:
    environ = {"AXONHUB_ADMIN_TOKEN": "token", "AXONHUB_WEB_PASSWORD": "password"}

    silent = load(FILE, environ).config
    spoken = load("server: {admin: {token: mine}}\ninspection: {web_password: own}\n", environ).config
    overridden = load(FILE, environ | {"AXONHUB_SERVER_ADMIN_TOKEN": "over"}).config

    assert silent.server.admin.token.get_secret_value() == "token"
    assert silent.inspection.web_password.get_secret_value() == "password"
    assert spoken.server.admin.token.get_secret_value() == "mine"
    assert spoken.inspection.web_password.get_secret_value() == "own"
    assert overridden.server.admin.token.get_secret_value() == "over"


def test_a_section_that_is_no_section_is_reported_and_not_overridden(problems: Problems) -> None:
    assert problems("server: 5\n", {"AXONHUB_SERVER_PORT": "9000"}) == [
        "1: error: server: must be a section of `key: value` lines"
    ]
