"""The page on operations speaks of metrics and errors that there are, and what it says of messages holds."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from streamfw_core.errors import MessageError
from streamfw_prometheus.metrics import PrometheusMetrics

from streamfw_core import errors, messages
from tests.docs.pages import DOCS
from tests.docs.test_metrics_page import tell_everything

PAGE = (DOCS / "operations.md").read_text(encoding="utf-8")


def test_metrics_to_watch_are_metrics() -> None:
    registry = CollectorRegistry()
    tell_everything(PrometheusMetrics("prometheus", {"registry": registry}))
    told = {sample.name for family in registry.collect() for sample in family.samples}

    watched = set(re.findall(r"`(\w+_(?:total|seconds))`", PAGE))
    assert len(watched) >= 6
    assert {f"streamfw_{name}" for name in watched} <= told | {name.removesuffix("_bucket") for name in told}
    rules = set(re.findall(r"\bstreamfw_\w+", "".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))))
    assert len(rules) >= 4
    assert rules <= told


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`([A-Z][A-Za-z]+(?:Error|Failed|Out|Found|Conflict))`", PAGE)))
)
def test_errors_are_errors_of_ours(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.StreamsError)


def test_a_message_with_a_field_that_is_new_is_understood_and_one_of_another_version_refused() -> None:
    message = messages.Unfollow(manager="pins", source=1, stamp=1, targets=[2])
    sent: dict[str, Any] = msgspec.json.decode(messages.encode(message))
    assert messages.decode(msgspec.json.encode(sent | {"new": "field"})) == message
    with pytest.raises(MessageError, match="version 2"):
        messages.decode(msgspec.json.encode(sent | {"v": messages.VERSION + 1}))
