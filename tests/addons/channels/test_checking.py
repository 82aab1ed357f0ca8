"""What `axonhub check` tells of channels beyond the form of their settings."""

from axonhub.addons.channels.checking import findings
from axonhub.addons.config import Channel, Config


def test_a_proxy_that_would_not_be_used_is_told():
    settings = {"proxy": {"type": "url", "url": "http://proxy.example:3128"}}
    channel = Channel.model_validate({"name": "c", "type": "deepseek", "api_keys": ["k"], "settings": settings})

    (found,) = findings(Config(channels=(channel,)))

    assert ("channels", 0, "settings", "proxy") == found.place
    assert "directly" in found.message
