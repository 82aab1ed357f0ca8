"""What only one protocol knows is recorded as lost, or refused, by every other."""

import pytest

from axonhub.transformers.extensions import leave_behind
from axonhub.transformers.hub.requests import Request
from axonhub.transformers.protocol import Loss, Unsupported


def test_each_extension_of_another_protocol_is_a_loss() -> None:
    losses: list[Loss] = []
    request = Request("m", (), extensions={"a/x": {"store": True, "truncation": "auto"}, "b/y": {"kept": 1}})

    leave_behind(request, "b/y", losses)

    assert [(loss.path, loss.severity) for loss in losses] == [("store", "info"), ("truncation", "warning")]


def test_what_must_not_be_left_away_is_refused() -> None:
    request = Request("m", (), native_only={"a/x": ("previous_response_id",)})

    with pytest.raises(Unsupported, match=r"^previous_response_id: "):
        leave_behind(request, "b/y", [])


def test_the_own_protocol_keeps_everything() -> None:
    losses: list[Loss] = []
    request = Request("m", (), extensions={"a/x": {"prompt": {}}}, native_only={"a/x": ("prompt",)})

    leave_behind(request, "a/x", losses)

    assert losses == []
