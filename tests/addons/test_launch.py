"""The command line gets what it lacks, and keeps what it says."""

import pytest

from axonhub.addons.config import Config, Server
from axonhub.addons.launch import PLACEHOLDER, missing_flags

CONFIG = Config(server=Server(host="127.0.0.1", port=8123))


def test_a_bare_command_line_gets_mode_port_and_host():
    flags = missing_flags(CONFIG, ["mitmdump", "-s", "addons/axonhub.py"])

    assert ["--mode", PLACEHOLDER, "--listen-port", "8123", "--listen-host", "127.0.0.1"] == flags


@pytest.mark.parametrize(
    "stated",
    [["-p", "9000"], ["-p9000"], ["--listen-port", "9000"], ["--listen-port=9000"], ["--set", "listen_port=9000"]],
)
def test_a_stated_port_stays(stated: list[str]):
    assert "--listen-port" not in missing_flags(CONFIG, ["mitmdump", *stated])


@pytest.mark.parametrize("stated", [["--listen-host", "::1"], ["--set", "listen_host=::1"]])
def test_a_stated_host_stays(stated: list[str]):
    assert "--listen-host" not in missing_flags(CONFIG, ["mitmdump", *stated])


def test_a_script_whose_path_looks_like_a_flag_is_no_flag():
    assert "--listen-port" in missing_flags(CONFIG, ["mitmdump", "-s", "my -p project/axonhub.py"])
