"""Core's own backends against the conformance kit."""

from streamfw_core.metrics import CompositeMetrics, Metrics, NoMetrics
from streamfw_core.queues import TaskQueue
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.queues.threads import ThreadsQueue
from streamfw_core.serializers import JsonSerializer, MsgpackSerializer, Serializer
from streamfw_core.testing import MetricsContract, SerializerContract, TaskQueueContract

from streamfw_core import Activity
from tests.core.noting import Noting

AT_ONCE = {"attempts": 3, "pause": 0.0}


class TestMsgpack(SerializerContract):
    def make_serializer(self, activity_class: type[Activity]) -> Serializer:
        return MsgpackSerializer(activity_class)


class TestJson(SerializerContract):
    def make_serializer(self, activity_class: type[Activity]) -> Serializer:
        return JsonSerializer(activity_class)


class TestInline(TaskQueueContract):
    in_background = False

    def make_queue(self) -> TaskQueue:
        return InlineQueue("inline", AT_ONCE)


class TestThreads(TaskQueueContract):
    def make_queue(self) -> TaskQueue:
        return ThreadsQueue("threads", AT_ONCE)

    def make_small_queue(self, limit: int) -> TaskQueue:
        return ThreadsQueue("threads", {**AT_ONCE, "workers": 2, "max_pending": limit})


class TestNoMetrics(MetricsContract):
    def make_metrics(self) -> Metrics:
        return NoMetrics()


class TestSeveralMetrics(MetricsContract):
    def make_metrics(self) -> Metrics:
        return CompositeMetrics([Noting(), NoMetrics(), Noting()])
