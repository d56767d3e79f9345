"""Serializers, task queues and metrics with one fault each, and the promise that the kit must say it breaks."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC
from typing import Any, Final

from attrs import frozen
from streamfw_core.errors import DecodeError, StreamsError
from streamfw_core.metrics import Metrics
from streamfw_core.queues import DeadLetter, FanoutPriority, Handler, OnDead
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.queues.protocol import untold
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.queues.threads import ThreadsQueue
from streamfw_core.serializers import JsonSerializer, MsgpackSerializer

from streamfw_core import Activity, Feed


@frozen
class Fault:
    """A backend, the promise that it breaks, and what is wrong with it."""

    make: Callable[..., Any]
    promise: str
    words: str


SERIALIZERS: Final[dict[str, Fault]] = {}
QUEUES: Final[dict[str, Fault]] = {}
METRICS: Final[dict[str, Fault]] = {}


def breaks(promise: str, table: dict[str, Fault]) -> Callable[[type], type]:
    def listed(backend: type) -> type:
        table[backend.__name__] = Fault(backend, promise, (backend.__doc__ or "").strip())
        return backend

    return listed


# --- serializers ------------------------------------------------------------------------------------------------


@breaks("C25", SERIALIZERS)
class LosesMicroseconds(MsgpackSerializer):
    """Times are kept in milliseconds."""

    def loads(self, data: bytes, activity_id: int) -> Activity:
        activity = super().loads(data, activity_id)
        time = activity.time
        activity.__dict__["time"] = time.replace(microsecond=time.microsecond // 1000 * 1000)
        return activity


@breaks("C25", SERIALIZERS)
class MakesTimesAware(MsgpackSerializer):
    """Naive times come back in UTC."""

    def loads(self, data: bytes, activity_id: int) -> Activity:
        activity = super().loads(data, activity_id)
        activity.__dict__["time"] = activity.time.replace(tzinfo=activity.time.tzinfo or UTC)
        return activity


@breaks("C25", SERIALIZERS)
class MakesListsOfTuples(JsonSerializer):
    """Tuples come back as lists."""

    def loads(self, data: bytes, activity_id: int) -> Activity:
        activity = super().loads(data, activity_id)
        activity.extra_context = {key: _lists(value) for key, value in activity.extra_context.items()}
        return activity


@breaks("C25", SERIALIZERS)
class MakesTextsOfIds(MsgpackSerializer):
    """The actor comes back as a text."""

    def loads(self, data: bytes, activity_id: int) -> Activity:
        activity = super().loads(data, activity_id)
        activity.__dict__["actor_id"] = str(activity.actor_id)
        return activity


@breaks("C25", SERIALIZERS)
class StoresWhateverItGets(JsonSerializer):
    """What cannot be stored is stored as its text."""

    def dumps(self, activity: Activity) -> bytes:
        try:
            return super().dumps(activity)
        except StreamsError:
            context = json.loads(json.dumps(activity.extra_context, default=repr, ensure_ascii=True))
            return super().dumps(
                Activity(1, activity.verb, 2, time=activity.time, extra_context={"value": repr(context)})
            )


@breaks("C25", SERIALIZERS)
class ForgetsAddedFields(MsgpackSerializer):
    """The fields of a custom activity are lost."""

    def loads(self, data: bytes, activity_id: int) -> Activity:
        activity = super().loads(data, activity_id)
        for name in activity.added_fields():
            del activity.__dict__[name]
        return activity


@breaks("C24", SERIALIZERS)
class Unpickles(MsgpackSerializer):
    """Bytes of a stranger are unpickled."""

    def loads(self, data: bytes, activity_id: int) -> Activity:
        with suppress(Exception):
            pickle.loads(data)
        return super().loads(data, activity_id)


@breaks("C24", SERIALIZERS)
class RaisesWhatItLikes(MsgpackSerializer):
    """Broken bytes raise the error of a library."""

    def loads(self, data: bytes, activity_id: int) -> Activity:
        try:
            return super().loads(data, activity_id)
        except DecodeError as error:
            raise KeyError("actor") from error


@breaks("C11", SERIALIZERS)
class TakesAnyClass(MsgpackSerializer):
    """Activities of another class are accepted."""

    def dumps(self, activity: Activity) -> bytes:
        return MsgpackSerializer(type(activity)).dumps(activity)


# --- task queues ------------------------------------------------------------------------------------------------


AT_ONCE: Mapping[str, object] = {"attempts": 3, "pause": 0.0}


class _Threads(ThreadsQueue):
    def __init__(self, **options: object) -> None:
        super().__init__("threads", {**AT_ONCE, **options})


@breaks("C20", QUEUES)
class LosesMessages(_Threads):
    """Every hundredth message is lost."""

    number = 0

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        self.number += 1
        if self.number % 100:
            super().enqueue(message, priority)


@breaks("C20", QUEUES)
class DoesNotWait(_Threads):
    """`drain` returns when nothing waits, although something still runs."""

    def drain(self, timeout: float | None = None) -> None:
        while any(self._waiting.values()):
            time.sleep(0.001)


@breaks("C20", QUEUES)
class AcceptsWhenClosed(InlineQueue):
    """A closed queue accepts messages."""

    def __init__(self, **options: object) -> None:
        super().__init__("inline", {**AT_ONCE, **options})

    def close(self) -> None:
        pass


@breaks("C20", QUEUES)
class DropsWhatIsLeft(_Threads):
    """Closing forgets the messages that wait."""

    def close(self) -> None:
        with self._changed:
            for waiting in self._waiting.values():
                waiting.clear()
        super().close()


@breaks("C8", QUEUES)
class TriesAllAgain(_Threads):
    """The whole message is tried again, not the part that failed."""

    def bind(self, handler: Handler, on_dead: OnDead = untold) -> None:
        def handle(message: bytes) -> None:
            try:
                handler(message)
            except MessageFailed as failed:
                raise MessageFailed(str(failed), rest=message, retriable=failed.retriable) from failed

        super().bind(handle, on_dead)


@breaks("C23", QUEUES)
class SwallowsFailures(_Threads):
    """What is given up is not reported."""

    def drain(self, timeout: float | None = None) -> None:
        with suppress(Exception):
            super().drain(timeout)


@breaks("C23", QUEUES)
class TriesForever(_Threads):
    """What cannot succeed is tried again all the same, thousands of times."""

    def bind(self, handler: Handler, on_dead: OnDead = untold) -> None:
        def handle(message: bytes) -> None:
            for _ in range(2000):
                try:
                    return handler(message)
                except MessageFailed as failed:
                    last = failed
            raise last

        super().bind(handle, on_dead)


@breaks("C23", QUEUES)
class TellsNobody(_Threads):
    """Who bound the queue is not told of what is given up."""

    def bind(self, handler: Handler, on_dead: OnDead = untold) -> None:
        super().bind(handler)


@breaks("C23", QUEUES)
class TellsOfEveryAttempt(_Threads):
    """Who bound the queue is told of what is not given up yet, too."""

    def bind(self, handler: Handler, on_dead: OnDead = untold) -> None:
        def handle(message: bytes) -> None:
            try:
                handler(message)
            except MessageFailed as failed:
                if failed.retriable:
                    on_dead(str(failed))
                raise

        super().bind(handle, on_dead)


@breaks("C22", QUEUES)
class HasOneLane(_Threads):
    """Priorities are ignored."""

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        super().enqueue(message, FanoutPriority.LOW)


@breaks("C21", QUEUES)
class HasNoLimit(_Threads):
    """Publishers never wait."""

    def __init__(self, **options: object) -> None:
        super().__init__(**{**options, "max_pending": 10**6})


@breaks("C23", QUEUES)
class TakesWhatItLists(_Threads):
    """Reading dead letters removes them."""

    def dead_letters(self, limit: int | None = None) -> list[DeadLetter]:
        letters = super().dead_letters(limit)
        self.drop_dead([letter.id for letter in letters])
        return letters


@breaks("C23", QUEUES)
class DropsTheOthersToo(_Threads):
    """Whichever letters are dropped, all are."""

    def drop_dead(self, ids: Sequence[str] | None = None) -> int:
        return super().drop_dead()


@breaks("C23", QUEUES)
class ForgetsWhatIsRetried(_Threads):
    """A letter that is tried again is only forgotten."""

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        return self.drop_dead(ids)


@breaks("C23", QUEUES)
class KeepsWhatIsRetried(_Threads):
    """A letter that is tried again stays among the dead ones."""

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        letters = [letter for letter in self.dead_letters() if ids is None or letter.id in ids]
        for letter in letters:
            self.enqueue(letter.message, letter.priority)
        return len(letters)


# --- metrics ----------------------------------------------------------------------------------------------------


@breaks("C8", METRICS)
class SwallowsErrors(Metrics):
    """A timer swallows the error of what it measures."""

    def fanout_timer(self, feed_class: type[Feed]) -> AbstractContextManager[None]:
        return _swallowing()


@breaks("C8", METRICS)
class KnowsOneOperation(Metrics):
    """An event that is new to it is an error."""

    def on_fanout(self, feed_class: type[Feed], operation: str, activities_count: int = 1) -> None:
        if operation == "update":
            raise KeyError(operation)


@contextmanager
def _swallowing() -> Iterator[None]:
    with suppress(Exception):
        yield


def _lists(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return {key: _lists(item) for key, item in value.items()} if isinstance(value, dict) else value
