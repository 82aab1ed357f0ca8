"""The vendors' own SDKs read the lists of models, with what is known of each; and a profile limits what is on them."""

import json

import anthropic
import openai
import pytest
from google import genai
from google.genai import types as gemini

from tests.gateway.conftest import CALLER_KEY, StartGateway, config_of
from tests.gateway.process import Gateway

LIMITED_KEY = "ah-key-with-a-limit"
PROFILE = {
    "name": "limited",
    "model_mappings": [{"from": "claude-sonnet-4-5", "to": "gpt-5"}],
    "models": ["claude-sonnet-4-5", "house-model"],
}
CHANNELS = [
    {
        "name": "a",
        "type": "openai",
        "api_keys": ["sk-a"],
        "supported_models": ["gpt-5", "house-model", "secret-name"],
        "model_mappings": [{"from": "alias", "to": "gpt-5"}],
    },
    {
        "name": "hiding",
        "type": "openai",
        "api_keys": ["sk-b"],
        "supported_models": ["hidden"],
        "model_mappings": [{"from": "shown", "to": "hidden"}],
        "settings": {"hide_original_models": True},
    },
    {"name": "off", "type": "openai", "status": "disabled", "supported_models": ["of-a-disabled-channel"]},
]
CARDS = [
    {"name": "house-model", "display_name": "House Model", "context": "32k", "max_output": 4096, "vision": False},
    {"name": "gpt-5", "description": "Ours.", "max_output": 1000},
]
ALL = ["alias", "gpt-5", "house-model", "secret-name", "shown"]


@pytest.fixture(scope="module")
def shared(start_for_module: StartGateway) -> Gateway:
    limited = {"name": "limited", "key": LIMITED_KEY, "active_profile": "limited", "profiles": [PROFILE]}
    keys = [{"name": "me", "key": CALLER_KEY}, limited]
    return start_for_module(config_of(CHANNELS, keys, models=CARDS))


def test_openais_sdk_reads_the_list_and_a_model(shared: Gateway) -> None:
    client = openai.OpenAI(api_key=CALLER_KEY, base_url=f"{shared.url}/v1", max_retries=0)

    listed, one = client.models.list().data, client.models.retrieve("gpt-5")

    assert [model.id for model in listed] == ALL
    assert (one.id, one.object, one.owned_by, one.created) == ("gpt-5", "model", "openai", 1754524800)
    with pytest.raises(openai.NotFoundError, match="not on this key's list"):
        client.models.retrieve("hidden")


def test_anthropics_sdk_reads_the_list_and_a_model(shared: Gateway) -> None:
    client = anthropic.Anthropic(api_key=CALLER_KEY, base_url=f"{shared.url}/anthropic", max_retries=0)

    listed, one = list(client.models.list()), client.models.retrieve("house-model")

    assert [model.id for model in listed] == ALL
    assert (one.display_name, one.max_input_tokens, one.max_tokens) == ("House Model", 32_000, 4096)
    assert anthropic.types.ModelInfo.model_validate_json(one.to_json()).lifecycle == "active"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("hidden")


def test_geminis_sdk_reads_the_list_and_a_model(shared: Gateway) -> None:
    options = gemini.HttpOptions(base_url=f"{shared.url}/gemini")
    client = genai.Client(api_key=CALLER_KEY, http_options=options)

    listed, one = list(client.models.list()), client.models.get(model="gpt-5")

    assert [model.name for model in listed] == [f"models/{name}" for name in ALL]
    assert (one.display_name, one.description, one.input_token_limit) == ("GPT-5", "Ours.", 400_000)
    assert one.output_token_limit == 1000
    assert "generateContent" in (one.supported_actions or [])


def test_profile_limits_the_list_and_lends_the_card_of_the_model_behind_a_name(shared: Gateway) -> None:
    headers = (("authorization", f"Bearer {LIMITED_KEY}"),)

    whole = json.loads(shared.call("GET", "/v1/models?include=all", headers).body)["data"]
    plain = json.loads(shared.call("GET", "/v1/models", headers).body)["data"]
    some = json.loads(shared.call("GET", "/v1/models?include=context_length,nonsense", headers).body)["data"]

    by_name = {model["id"]: model for model in whole}
    assert list(by_name) == ["claude-sonnet-4-5", "house-model"]
    assert by_name["claude-sonnet-4-5"]["name"] == "claude-sonnet-4-5"
    assert by_name["claude-sonnet-4-5"]["context_length"] == 400_000
    assert by_name["claude-sonnet-4-5"]["pricing"]["input"] == 1.25
    assert by_name["house-model"]["capabilities"] == {"vision": False}
    assert "pricing" not in by_name["house-model"]
    assert [set(model) for model in plain] == [{"id", "object", "created", "owned_by"}] * 2
    assert [model["context_length"] for model in some] == [400_000, 32_000]


def test_model_with_slashes_and_colons_is_found(start: StartGateway) -> None:
    channel = {"name": "a", "type": "openai", "api_keys": ["k"], "supported_models": ["vendor/gpt-5", "llama3:8b"]}
    gateway = start(config_of([channel]))
    client = openai.OpenAI(api_key=CALLER_KEY, base_url=f"{gateway.url}/v1", max_retries=0)

    assert client.models.retrieve("vendor/gpt-5").owned_by == "openai"
    assert client.models.retrieve("llama3:8b").id == "llama3:8b"
