"""`axonhub explain` works beside a gateway and without one."""

import json
from pathlib import Path

from tests.gateway.conftest import MAPPED, anthropic_channel, chat_channel, config_of
from tests.gateway.process import base_environment, run_command, write_config
from tests.upstreams.anthropic import anthropic
from tests.upstreams.plans import say
from tests.upstreams.server import Upstream


def test_explains_without_a_gateway_and_tells_by_its_exit_status(tmp_path: Path) -> None:
    with Upstream(anthropic(say(""), [])) as upstream:
        config = config_of([anthropic_channel(upstream), chat_channel(upstream)], [MAPPED])
        write_config(tmp_path / "config.yml", {**config, "store": {"path": str(tmp_path / "store")}})
        environment = {**base_environment(tmp_path), "AXONHUB_CONFIG": str(tmp_path / "config.yml")}

        told = run_command("explain", "claude-sonnet-4-5", "--key", "mapped", environment=environment)
        structured = run_command("explain", "claude-haiku-4-5", "--key", "mapped", "--json", environment=environment)
        refused = run_command("explain", "nothing-known", environment=environment)
        unknown = run_command("explain", "m", "--key", "nobody", environment=environment)

    assert (told.returncode, structured.returncode, refused.returncode, unknown.returncode) == (0, 0, 1, 1)
    assert "profile deepseek: claude-sonnet-4-5 → deepseek-reasoner (mapping 1: claude-sonnet-4-5)" in told.stdout
    assert [each["channel"] for each in json.loads(structured.stdout)["candidates"]] == ["second"]
    assert "It would be refused: No channel serves the model 'nothing-known'." in refused.stdout
    assert "there is no API key 'nobody'; there are: mapped" in unknown.stderr
    assert upstream.requests == []
