"""One channel of a vendor with two addresses is asked in the client's own protocol, where the operator lets it."""

import pytest

from axonhub.addons.channels.addresses import upstream_url
from axonhub.addons.channels.checking import findings
from axonhub.addons.channels.facing import facing
from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Channel, Config
from axonhub.transformers.registry import discovered

CHAT, ANTHROPIC = "openai/chat", "anthropic/messages"


def channel(**given: object) -> Channel:
    return Channel.model_validate({"name": "c", "type": "deepseek", "api_keys": ["k"], **given})


def test_second_address_of_the_vendor_serves_its_own_clients():
    asked = channel()
    twin = facing(asked, ANTHROPIC)

    assert asked is facing(asked, CHAT)
    assert ("c", "deepseek_anthropic", None) == (twin.name, twin.type, twin.base_url)
    assert ("deepseek-chat", "deepseek-reasoner") == twin.supported_models
    assert twin is facing(asked, ANTHROPIC)


def test_protocol_that_no_address_speaks_is_converted():
    asked = channel()

    assert asked is facing(asked, "gemini/generate_content")


def test_address_of_the_operators_own_is_asked_as_it_is():
    asked = channel(base_url="https://proxy.example/v1")

    assert asked is facing(asked, ANTHROPIC)


def test_default_address_may_be_written_out():
    assert "deepseek_anthropic" == facing(channel(base_url="https://api.deepseek.com/v1/"), ANTHROPIC).type


def test_operator_names_further_addresses():
    endpoint = {"protocol": ANTHROPIC, "base_url": "https://proxy.example/anthropic"}
    twin = facing(channel(base_url="https://proxy.example/v1", endpoints=[endpoint]), ANTHROPIC)

    assert ("deepseek_anthropic", "https://proxy.example/anthropic") == (twin.type, twin.base_url)


def test_endpoint_of_a_protocol_that_the_type_cannot_speak_is_a_fault():
    wrong = channel(endpoints=[{"protocol": "gemini/generate_content", "base_url": "https://proxy.example"}])

    (found,) = findings(Config(channels=(wrong,)))

    assert ("channels", 0, "endpoints", 0, "protocol") == found.place
    assert "anthropic/messages, openai/chat" in found.message


def test_siblings_exist_and_speak_something_else():
    for kind in channel_types().values():
        for name in kind.siblings:
            sibling = channel_types()[name]
            assert kind.name in sibling.siblings, kind.name
            assert set(sibling.protocols).isdisjoint(kind.protocols), kind.name


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("deepinfra", "https://api.deepinfra.com/v1/openai/chat/completions"),
        ("gemini_openai", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        ("github", "https://models.github.ai/inference/chat/completions"),
        ("zhipu", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        ("zhipu_anthropic", "https://open.bigmodel.cn/api/anthropic/v1/messages"),
        ("aihubmix_anthropic", "https://aihubmix.com/v1/messages"),
        ("moonshot_coding", "https://api.kimi.com/coding/v1/messages"),
        ("longcat", "https://api.longcat.chat/openai/v1/chat/completions"),
        ("nanogpt_responses", "https://nano-gpt.com/api/v1/responses"),
    ],
)
def test_rows_lead_to_the_vendors_addresses(name: str, url: str):
    kind = channel_types()[name]
    endpoint = discovered()[kind.protocols[0]].endpoint("generate", "m", False)

    assert endpoint is not None
    assert url == upstream_url(kind.base_url, endpoint)


def test_types_of_the_original_are_there():
    wanted = (
        "openai openai_responses anthropic anthropic_aws anthropic_gcp claude-code gemini gemini_openai gemini_vertex "
        "moonshot_coding nanogpt nanogpt_responses openrouter xai ppio siliconflow deepinfra qiniu vercel burncloud "
        "modelscope jina cerebras fireworks groq atlascloud cline github demo"
    )
    pairs = (
        "deepseek doubao moonshot zhipu zai xiaomi volcengine longcat minimax aihubmix bailian "
        "opencode_go ollama evolink"
    )
    names = {*wanted.split(), *pairs.split(), *(f"{each}_anthropic" for each in pairs.split())}

    assert set() == names - set(channel_types())
