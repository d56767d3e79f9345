"""What the options of both queues refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from streamfw_celery.celery_queue import CeleryQueue
from streamfw_celery.kombu_queue import KombuQueue
from streamfw_core.errors import SettingsError


def kombu_queue(options: Mapping[str, object]) -> object:
    return KombuQueue("kombu", {"url": "memory://", **options})


def celery_queue(options: Mapping[str, object]) -> object:
    return CeleryQueue("celery", {"broker_url": "memory://", **options})


@pytest.mark.parametrize("make", [kombu_queue, celery_queue])
@pytest.mark.parametrize("queues", [{"high": "one", "low": "one"}, {"dead": "streamfw.low"}])
def test_two_queues_of_one_name_are_refused(
    make: Callable[[Mapping[str, object]], object], queues: Mapping[str, str]
) -> None:
    with pytest.raises(SettingsError, match=r"task_queue\.options\.queues: two queues of one name"):
        make({"queues": queues})


@pytest.mark.parametrize("make", [kombu_queue, celery_queue])
def test_a_queue_without_a_name_is_refused(make: Callable[[Mapping[str, object]], object]) -> None:
    with pytest.raises(SettingsError, match="a queue without a name"):
        make({"queues": {"normal": ""}})
