"""GET /metrics tells what the gateway and its store do, to whoever has the admin token."""

import pytest

from tests.gateway.conftest import StartGateway, ask_anthropic, config_of

DEMO = {"name": "demo", "type": "demo", "supported_models": ["*"]}


@pytest.fixture
def config() -> dict[str, object]:
    return config_of([DEMO])


def test_admin_token_opens_the_metrics(start: StartGateway, config: dict[str, object]) -> None:
    gateway = start(config)
    assert ask_anthropic(gateway).status == 200
    line = next(each for each in gateway.log().splitlines() if "Admin token" in each)
    token = line.rpartition(" ")[2]

    shut = gateway.call("GET", "/metrics")
    wrong = gateway.call("GET", "/metrics", (("authorization", "Bearer wrong"),))
    open_ = gateway.call("GET", "/metrics", (("authorization", f"Bearer {token}"),))

    assert [shut.status, wrong.status, open_.status] == [401, 401, 200]
    assert b"axonhub_store_submitted_total 1\n" in open_.body
    assert b"axonhub_requests_running 0\n" in open_.body
