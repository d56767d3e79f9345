"""Core's own backends, offered in the way of any plugin; this one is always asked first."""

from __future__ import annotations

from streamfw_core.plugins.hookspecs import Register, hookimpl

NAME = "core"
DISTRIBUTION = "streamfw-core"


@hookimpl
def streamfw_register_serializers(register: Register) -> None:
    register("msgpack", "streamfw_core.serializers.msgpack:MsgpackSerializer", summary="Compact bytes")
    register("json", "streamfw_core.serializers.json:JsonSerializer", summary="Readable text")


@hookimpl
def streamfw_register_aggregators(register: Register) -> None:
    register("recent_verb", "streamfw_core.aggregators:RecentVerbAggregator", summary="By verb and day")
    register("notification", "streamfw_core.aggregators:NotificationAggregator", summary="By verb, object and day")


@hookimpl
def streamfw_register_metrics(register: Register) -> None:
    register("none", "streamfw_core.metrics:NoMetrics", summary="Collects nothing")


@hookimpl
def streamfw_register_task_queues(register: Register) -> None:
    register("inline", "streamfw_core.queues.inline:InlineQueue", summary="Fan-out in the caller")
    register("threads", "streamfw_core.queues.threads:ThreadsQueue", summary="Fan-out in a pool of threads")
