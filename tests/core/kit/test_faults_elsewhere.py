"""The kit against faulty serializers, task queues and metrics, and against faulty storages under feeds."""

import pytest
from streamfw_core.metrics import Metrics
from streamfw_core.queues import TaskQueue
from streamfw_core.serializers import Serializer
from streamfw_core.storage import Storage
from streamfw_core.testing import (
    Contract,
    FeedContract,
    MetricsContract,
    SerializerContract,
    TaskQueueContract,
    run_contract,
)

from streamfw_core import Activity
from tests.core.kit.faults import FAULTS
from tests.core.kit.faults_elsewhere import METRICS, QUEUES, SERIALIZERS


def expect(contract: type[Contract], promise: str) -> None:
    failed = [
        result
        for result in run_contract(contract, promise=promise, properties=False)
        if result.outcome == "failed" and promise in result.promises_broken
    ]
    assert failed
    assert all(f"{promise} broken: " in str(result.error) or f"{promise}, " in str(result.error) for result in failed)


@pytest.mark.parametrize("name", SERIALIZERS)
def test_a_faulty_serializer_fails_with_the_promise_that_it_breaks(name: str) -> None:
    class Faulty(SerializerContract):
        def make_serializer(self, activity_class: type[Activity]) -> Serializer:
            serializer: Serializer = SERIALIZERS[name].make(activity_class)
            return serializer

    expect(Faulty, SERIALIZERS[name].promise)


@pytest.mark.parametrize("name", QUEUES)
def test_a_faulty_task_queue_fails_with_the_promise_that_it_breaks(name: str) -> None:
    class Faulty(TaskQueueContract):
        def make_queue(self) -> TaskQueue:
            queue: TaskQueue = QUEUES[name].make()
            return queue

        def make_small_queue(self, limit: int) -> TaskQueue:
            queue: TaskQueue = QUEUES[name].make(workers=2, max_pending=limit)
            return queue

    expect(Faulty, QUEUES[name].promise)


@pytest.mark.parametrize("name", METRICS)
def test_faulty_metrics_fail_with_the_promise_that_they_break(name: str) -> None:
    class Faulty(MetricsContract):
        def make_metrics(self) -> Metrics:
            metrics: Metrics = METRICS[name].make()
            return metrics

    expect(Faulty, METRICS[name].promise)


@pytest.mark.parametrize(
    ("name", "promise"),
    [
        ("LosesTieOrder", "C2"),
        ("LosesTheLowerBound", "C3"),
        ("LosesTheUpperBound", "C3"),
        ("GoesAboveTheUpperBound", "C3"),
        ("GoesBelowTheLowerBound", "C3"),
        ("IncludesTheStop", "C2"),
        ("PopsOnRead", "C4"),
        ("IgnoresTheCap", "C7"),
        ("ForgetsIdempotence", "C6"),
        ("CountsWhatItWasGiven", "C6"),
        ("Resurrects", "C9"),
        ("IgnoresStamps", "C9"),
        ("RemembersNothing", "C9"),
        ("ForgetsThatItWasCleared", "C9"),
        ("DropsTheRestOfABatch", "C8"),
        ("DropsEntriesWithoutRecord", "C10"),
        ("EndsPayloadsAtNul", "C25"),
        ("IgnoresTheCaseOfOwners", "C26"),
        ("Resurrects", "C28"),
    ],
)
def test_feeds_on_a_faulty_storage_fail_too(name: str, promise: str) -> None:
    class Faulty(FeedContract):
        def make_storage(self, name_: str) -> Storage:
            return FAULTS[name].make(name_)

    expect(Faulty, promise)
