"""What streamfw promises, one small test or a few for each, on memory with the real manager and queues.

`docs/contract.md` links here. What a storage must do for these to hold is in the conformance kit.
"""

from __future__ import annotations

import ast
import importlib.util
import random
import threading
import time
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from attrs import evolve
from streamfw_core.errors import (
    ActivityTypeError,
    DecodeError,
    EncodeError,
    FanoutFailed,
    FeedConflict,
    IdError,
    MessageError,
    StorageError,
    WriteFailed,
)
from streamfw_core.metrics import Metrics
from streamfw_core.queues.protocol import Handler, OnDead
from streamfw_core.storage import FeedSpec, Outcome, Record, Scope
from streamfw_core.testing import promise
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Activity, Comment, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class HomeFeed(Feed):
    """Refers to activities."""

    max_length = 500


class CompleteFeed(Feed):
    """Keeps activities."""

    activities = None


class Fans(Manager):
    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"home": HomeFeed, "complete": CompleteFeed}
    user_feed_class = UserBaseFeed
    followers: ClassVar[list[Any]] = ["grace", "linus", "barbara"]

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Any]]:
        return {FanoutPriority.HIGH: self.followers}


class LateQueue:
    """Delivers when a test says so."""

    scope = Scope.PROCESS

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        self.name = name
        self.messages: list[bytes] = []

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        self.handler = handler

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        self.messages.append(message)

    def deliver(self) -> list[bytes]:
        """Deliver all that waits, and what comes of it; returns what was delivered."""
        delivered = []
        while self.messages:
            delivered.append(self.messages.pop(0))
            self.handler(delivered[-1])
        return delivered

    def drain(self, timeout: float | None = None) -> None:
        self.deliver()

    def close(self) -> None:
        self.messages.clear()


class UnsteadyStorage(MemoryStorage):
    """Fails to write the feeds of some owners, so many times."""

    broken: dict[str, int]

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__(name)
        self.broken = {}

    def write(self, spec: FeedSpec, writes: Any, *, report: bool = False) -> Outcome:
        failures: dict[str, Exception] = {}
        healthy = []
        for write in writes:
            for owner in write.owners:
                if spec.name == "home" and self.broken.get(owner, 0):
                    self.broken[owner] -= 1
                    failures[owner] = StorageError("the disk is full", storage=self.name)
            healthy.append(write._replace(owners=[owner for owner in write.owners if owner not in failures]))
        return evolve(super().write(spec, healthy, report=report), failures=failures)


class Tally(Metrics):
    """Counts what was passed over."""

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__(name, options)
        self.missing = self.broken = 0

    def on_hydration_miss(self, feed_class: type[Feed], activities_count: int) -> None:
        self.missing += activities_count

    def on_decode_error(self, feed_class: type[Feed], activities_count: int) -> None:
        self.broken += activities_count


def love(thing: Any, *, actor: Any = "ada", minute: int = 0, **context: Any) -> Activity:
    return Activity(actor, Love, thing, time=NOON + timedelta(minutes=minute), extra_context=context)


def things(activities: Iterable[Any]) -> list[Any]:
    return [activity.object_id for activity in activities]


@pytest.fixture
def streams() -> Iterator[Streams]:
    with Streams({"metrics": f"{__name__}:Tally"}) as made:
        yield made


@pytest.fixture
def feed(streams: Streams) -> HomeFeed:
    return HomeFeed("grace", streams=streams)


@pytest.fixture
def late() -> Iterator[tuple[Fans, LateQueue]]:
    """A manager, and its queue."""
    with Streams({"task_queue": f"{__name__}:LateQueue"}) as streams:
        queue = streams.queue
        assert isinstance(queue, LateQueue)
        yield Fans(streams=streams), queue


def shown(manager: Fans, user: Any = "grace") -> dict[str, list[Any]]:
    return {alias: things(feed) for alias, feed in manager.get_feeds(user).items()}


# --- identity and order ------------------------------------------------------------------------------------------


@promise("C1")
def test_two_actors_in_one_millisecond_are_two_activities(feed: HomeFeed) -> None:
    assert feed.add_many([love(42, actor="ada"), love(42, actor="alan")]) == 2
    assert {activity.actor_id for activity in feed} == {"ada", "alan"}


class OwnId(Activity):
    """Its id is its object."""

    @property
    def serialization_id(self) -> int:
        assert isinstance(self.object_id, int)
        return self.object_id


class OwnIdFeed(Feed):
    activity_class = OwnId
    activity_namespace = "own-ids"


@promise("C2")
def test_order_is_by_id_also_within_a_millisecond_and_at_both_ends(streams: Streams, feed: HomeFeed) -> None:
    ties = [love(number) for number in range(200)]
    feed.add_many(random.Random(1).sample(ties, len(ties)))
    assert feed[:] == sorted(ties, key=lambda activity: activity.serialization_id, reverse=True)
    assert feed.order_by("activity_id")[:] == feed[::1][::-1]

    ids = [0, 1, 2**64, 2**127 - 1, 2**127, 2**128 - 1]
    extreme = OwnIdFeed("grace", streams=streams)
    for id in random.Random(2).sample(ids, len(ids)):
        extreme.add(OwnId("ada", Love, id, time=NOON))
    assert things(extreme) == ids[::-1]


@promise("C3")
def test_filters_are_exact_at_their_boundary(feed: HomeFeed) -> None:
    feed.add_many([love(number) for number in range(50)])
    ids = [activity.serialization_id for activity in feed]
    for place in (0, 1, 25, 49):
        boundary = ids[place]
        for condition, expected in (
            ("lt", ids[place + 1 :]),
            ("lte", ids[place:]),
            ("gt", ids[:place]),
            ("gte", ids[: place + 1]),
        ):
            part = feed.filter(**{f"activity_id__{condition}": boundary})
            assert [activity.serialization_id for activity in part] == expected
            assert part.count() == len(expected)


@promise("C3")
def test_a_walk_visits_every_entry_once_while_the_feed_grows(feed: HomeFeed) -> None:
    ties = [love(number) for number in range(300)]
    feed.add_many(ties)
    visited: list[Activity] = []
    rest: HomeFeed = feed
    while part := rest[:7]:
        visited += part
        feed.add(love(len(visited), minute=1))
        rest = feed.filter(activity_id__lt=part[-1])
    cursor: str | None = None
    by_cursor: list[Activity] = []
    while True:
        page = feed.filter(activity_id__lte=ties[0].serialization_id | 2**64 - 1).page(7, after=cursor)
        by_cursor += page.items
        if (cursor := page.next_cursor) is None:
            break
    expected = sorted(ties, key=lambda activity: activity.serialization_id, reverse=True)
    assert visited == by_cursor == expected


@promise("C4")
def test_filter_and_order_leave_the_feed_as_it_is(feed: HomeFeed) -> None:
    feed.add_many([love(number, minute=number) for number in range(5)])
    older = feed.filter(activity_id__lt=love(3, minute=3))
    upwards = older.order_by("activity_id")
    for _ in range(2):
        assert things(feed[:]) == [4, 3, 2, 1, 0]
        assert things(older[:2]) == [2, 1]
        assert things(upwards[:2]) == [0, 1]
    assert feed.filter() is not feed


@promise("C5")
def test_ids_are_integers_texts_or_uuids_everywhere(streams: Streams) -> None:
    ids: list[Any] = [13, -1, 2**70, "ada", "1/2:%", "höhe", UUID(int=5)]
    for owner in ids:
        feed = HomeFeed(owner, streams=streams)
        activity = Activity(owner, Love, owner, target=owner, time=NOON)
        feed.add(activity)
        [read] = feed[:]
        assert (read.actor_id, read.object_id, read.target_id) == (owner, owner, owner)
        assert {type(read.actor_id), type(read.object_id), type(read.target_id)} == {type(owner)}
    assert things(HomeFeed("13", streams=streams)) == [13]
    for wrong in (True, None, 1.5, "", b"ada"):
        with pytest.raises(IdError):
            HomeFeed(wrong, streams=streams)  # type: ignore[arg-type]


# --- adding and removing -----------------------------------------------------------------------------------------


@promise("C6")
def test_adding_and_removing_again_change_nothing(feed: HomeFeed) -> None:
    assert [feed.add(love(1)), feed.add(love(1)), feed.add_many([love(1), love(2), love(2)])] == [1, 0, 1]
    assert [feed.remove(love(1)), feed.remove(love(1)), feed.remove_many([love(1), love(2)])] == [1, 0, 1]
    assert feed.count() == 0


@promise("C6")
def test_adding_again_is_no_update(streams: Streams) -> None:
    manager = Fans(streams=streams)
    manager.add_user_activity("ada", love(1, likes=0))
    manager.update_user_activity("ada", love(1, likes=7))
    manager.update_user_activity("ada", love(2, likes=7))  # never published
    for feed in manager.get_feeds("grace").values():
        assert [(activity.object_id, activity.extra_context) for activity in feed] == [(1, {"likes": 7})]


@promise("C7")
def test_a_feed_keeps_the_newest_and_shows_no_more_than_its_length() -> None:
    with Streams({"feeds": {"home": {"max_length": 3}}}) as streams:
        feed = HomeFeed("grace", streams=streams)
        for minute in random.Random(3).sample(range(200), 200):
            feed.add(love(minute, minute=minute))
            assert feed.count() <= 3
        assert things(feed[:]) == things(feed) == [199, 198, 197]
        assert feed.add(love(0)) == 0
        feed.trim(2)
        assert things(feed) == [199, 198]
        feed.trim(0)
        assert things(feed) == []


@pytest.fixture
def unsteady() -> Iterator[tuple[Fans, UnsteadyStorage]]:
    settings = {
        "storages": {"default": {"backend": f"{__name__}:UnsteadyStorage"}},
        "task_queue": {"backend": "inline", "options": {"pause": 0}},
    }
    with Streams(settings) as streams:
        storage = streams.storage("default")
        assert isinstance(storage, UnsteadyStorage)
        yield Fans(streams=streams), storage


@promise("C8")
def test_one_bad_feed_does_not_drop_the_others_of_its_chunk(unsteady: tuple[Fans, UnsteadyStorage]) -> None:
    manager, storage = unsteady
    storage.broken["linus"] = 99
    with pytest.raises(FanoutFailed) as failed:
        manager.add_user_activity("ada", love(1))
    [error] = failed.value.errors
    assert isinstance(error, WriteFailed)
    assert list(error.failures) == ["linus"]
    assert error.activity_ids == (love(1).serialization_id,)
    assert "feed:home:linus" in str(error)
    assert [shown(manager, user) for user in ("grace", "linus", "barbara")] == [
        {"home": [1], "complete": [1]},
        {"home": [], "complete": [1]},
        {"home": [1], "complete": [1]},
    ]


@promise("C8")
def test_what_failed_is_tried_again_until_it_is_written(unsteady: tuple[Fans, UnsteadyStorage]) -> None:
    manager, storage = unsteady
    storage.broken.update(linus=1, barbara=2)
    manager.add_user_activity("ada", love(1))
    assert all(shown(manager, user)["home"] == [1] for user in manager.followers)


@promise("C8")
def test_a_direct_add_to_a_bad_feed_raises(unsteady: tuple[Fans, UnsteadyStorage]) -> None:
    manager, storage = unsteady
    storage.broken["linus"] = 1
    with pytest.raises(WriteFailed, match="the disk is full"):
        HomeFeed("linus", streams=manager.streams).add(love(1))


@promise("C8")
def test_one_bad_activity_stops_the_batch_before_anything_is_written(feed: HomeFeed) -> None:
    with pytest.raises(EncodeError):
        feed.add_many([love(1), love(2, bad=object())])
    assert feed.count() == 0


@promise("C9")
def test_a_removed_activity_stays_away_however_late_its_delivery(late: tuple[Fans, LateQueue]) -> None:
    manager, queue = late
    manager.add_user_activity("ada", love(1))
    additions = list(queue.messages)
    manager.remove_user_activity("ada", love(1))
    assert shown(manager) == {"home": [], "complete": []}
    delivered = queue.deliver()
    assert shown(manager) == {"home": [], "complete": []}
    for message in random.Random(4).sample(delivered + additions, len(delivered) + len(additions)):
        queue.handler(message)
    queue.deliver()
    assert shown(manager) == {"home": [], "complete": []}
    assert things(manager.get_user_feed("ada")) == []


@promise("C9")
def test_a_removal_hides_references_before_its_delivery_and_publishing_anew_works(late: tuple[Fans, LateQueue]) -> None:
    manager, queue = late
    manager.add_user_activity("ada", love(1))
    queue.deliver()
    manager.remove_user_activity("ada", love(1).serialization_id)
    assert shown(manager) == {"home": [], "complete": [1]}
    queue.deliver()
    assert shown(manager) == {"home": [], "complete": []}
    manager.add_user_activity("ada", love(1))
    queue.deliver()
    assert shown(manager) == {"home": [1], "complete": [1]}


@promise("C10")
def test_an_entry_without_its_activity_is_passed_over_and_counted(streams: Streams, feed: HomeFeed) -> None:
    feed.add_many([love(number, minute=number) for number in range(10)])
    for number in (9, 8, 5, 0):
        HomeFeed.remove_activity(love(number, minute=number), streams=streams)
    assert things(feed[:5]) == [7, 6]
    page = feed.page(4)
    assert (things(page), page.missing) == ([7, 6, 4, 3], 3)
    assert page.next_cursor is not None
    page = feed.page(4, after=page.next_cursor)
    assert (things(page), page.missing, page.next_cursor) == ([2, 1], 1, None)
    assert isinstance(streams.metrics, Tally)
    assert streams.metrics.missing > 0
    assert feed.add(love(10, minute=10)) == 1
    assert things(feed[:1]) == [10]


@promise("C10")
def test_adding_to_a_feed_stores_the_activity(streams: Streams, feed: HomeFeed) -> None:
    feed.add(love(1))
    assert HomeFeed.binding(streams).load([love(1).serialization_id]) == {love(1).serialization_id: love(1)}


@promise("C11")
def test_empty_input_does_nothing_and_wrong_types_are_typed_errors(streams: Streams, feed: HomeFeed) -> None:
    manager = Fans(streams=streams)
    assert (feed.add_many([]), feed.remove_many([]), feed.add_many(iter(()))) == (0, 0, 0)
    manager.follow_many_users("grace", [])
    manager.unfollow_many_users("grace", [])
    manager.update_user_activities("ada", [])
    manager.batch_import("ada", [])
    for wrong in ("ada", 5, None, object()):
        with pytest.raises(ActivityTypeError, match="keeps Activity objects, got"):
            feed.add(wrong)  # type: ignore[arg-type]
        with pytest.raises(ActivityTypeError, match="keeps Activity objects, got"):
            manager.add_user_activity("ada", wrong)  # type: ignore[arg-type]
    for wrong in ("ada", 5, None):
        with pytest.raises(TypeError, match="expected several"):
            feed.add_many(wrong)  # type: ignore[arg-type]
    assert feed.count() == 0


# --- fan-out -----------------------------------------------------------------------------------------------------


class CountingQueue:
    """Executes root messages at once, drops deliveries, and notes how far the followers had been read by then."""

    scope = Scope.PROCESS

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        self.name = name
        self.deliveries = 0
        self.read_ahead = 0

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        self.handler = handler

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        if b'"kind":"deliver"' not in message:
            self.handler(message)
            return
        self.deliveries += 1
        # Each chunk goes to two feed classes.
        started = (self.deliveries + 1) // 2 * Crowd.fanout_chunk_size
        self.read_ahead = max(self.read_ahead, Crowd.read - started)

    def drain(self, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...


class Crowd(Fans):
    name = "crowd"
    read: ClassVar[int] = 0
    fanout_chunk_size = 500

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Any]]:
        return {FanoutPriority.HIGH: self.ids(60_000), FanoutPriority.LOW: self.ids(60_000)}

    def ids(self, count: int) -> Iterator[int]:
        for number in range(count):
            type(self).read += 1
            yield number


@promise("C21")
def test_followers_are_read_once_and_no_further_than_the_chunk_at_hand() -> None:
    Crowd.read = 0
    with Streams({"task_queue": f"{__name__}:CountingQueue"}) as streams:
        manager = Crowd(streams=streams)
        manager.add_user_activity("ada", love(0))
        Crowd.read = streams.queue.deliveries = 0  # type: ignore[attr-defined]
        tracemalloc.start()
        try:
            manager.add_user_activity("ada", love(1))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert Crowd.read == 120_000
        assert streams.queue.deliveries == 2 * 120_000 // 500  # type: ignore[attr-defined]
        assert streams.queue.read_ahead == 0  # type: ignore[attr-defined]
    assert peak < 1_000_000


@promise("C20")
def test_repeated_and_reordered_deliveries_change_nothing(late: tuple[Fans, LateQueue]) -> None:
    manager, queue = late
    for number in range(5):
        manager.add_user_activity("ada", love(number, minute=number))
    delivered = queue.deliver()
    expected = {"home": [4, 3, 2, 1, 0], "complete": [4, 3, 2, 1, 0]}
    assert shown(manager) == expected
    for message in random.Random(5).sample(delivered * 3, 3 * len(delivered)):
        queue.handler(message)
    queue.deliver()
    assert all(shown(manager, user) == expected for user in manager.followers)


class Ranked(Fans):
    """Ada's followers are LOW and not to be had before the gate opens, all others have HIGH ones."""

    name = "ranked"
    gate: ClassVar[threading.Event] = threading.Event()

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Any]]:
        if user_id != "ada":
            return {FanoutPriority.HIGH: ["grace"]}
        return {FanoutPriority.LOW: self.followers}


class SlowStorage(MemoryStorage):
    """Writes what Ada did only when the gate is open."""

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__(name)

    def write(self, spec: FeedSpec, writes: Any, *, report: bool = False) -> Outcome:
        if spec.name == "home" and "linus" in writes[0].owners:
            assert Ranked.gate.wait(30)
        return super().write(spec, writes, report=report)


@promise("C22")
def test_low_work_does_not_delay_high_work_in_threads() -> None:
    Ranked.gate.clear()
    settings = {"storages": {"default": f"{__name__}:SlowStorage"}, "task_queue": "threads"}
    with Streams(settings) as streams:
        manager = Ranked(streams=streams)
        for number in range(20):
            manager.add_user_activity("ada", love(number))
        manager.add_user_activity("alan", love(42, actor="alan"))
        deadline = time.monotonic() + 30
        while 42 not in shown(manager)["home"] and time.monotonic() < deadline:
            time.sleep(0.01)
        before_low = shown(manager)["home"]
        Ranked.gate.set()
    assert before_low == [42]
    assert len(shown(manager)["home"]) == 21


@promise("C23")
@pytest.mark.parametrize("queue", ["inline", "threads"])
def test_what_never_succeeds_is_given_up_with_its_reason(queue: str) -> None:
    settings = {
        "storages": {"default": f"{__name__}:UnsteadyStorage"},
        "task_queue": {"backend": queue, "options": {"attempts": 2, "pause": 0}},
    }
    with Streams(settings) as streams:
        storage = streams.storage("default")
        assert isinstance(storage, UnsteadyStorage)
        storage.broken["linus"] = 99
        manager = Fans(streams=streams)
        with pytest.raises(FanoutFailed, match=r"linus.*the disk is full"):
            _publish_and_drain(manager, love(1))
        assert storage.broken["linus"] == 97
        streams.drain()


def _publish_and_drain(manager: Fans, activity: Activity) -> None:
    manager.add_user_activity("ada", activity)
    manager.streams.drain()


# --- data and safety ---------------------------------------------------------------------------------------------


def sources() -> list[Path]:
    found = []
    for package in ("streamfw_core", "streamfw_memory"):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        found += sorted(Path(spec.origin).parent.rglob("*.py"))
    # The conformance kit makes hostile bytes to attack with, and runs in nobody's application.
    return [path for path in found if "testing" not in path.parts]


RUNS_BYTES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}


@promise("C24")
def test_no_code_of_ours_unpickles_or_evaluates() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imported: list[str] = []
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                imported = [node.module or ""]
            for name in imported:
                assert name.partition(".")[0] not in RUNS_BYTES, f"{path} imports {name}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in RUNS_TEXT, f"{path}:{node.lineno} calls {node.func.id}"


HOSTILE = [
    b"cos\nsystem\n(S'touch /tmp/owned'\ntR.",
    b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix",
    b"__import__('os').system('true')",
    b'{"!object": "os.system"}',
    b"\xff" * 40,
    b"",
    b"\x97" + b"\x91" * 5000,
]


@promise("C24")
@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bytes_in_a_storage_are_an_error_that_names_feed_and_id(
    streams: Streams, feed: HomeFeed, data: bytes
) -> None:
    feed.add_many([love(number, minute=number) for number in range(3)])
    id = love(1, minute=1).serialization_id
    binding = HomeFeed.binding(streams)
    assert binding.activities is not None
    binding.activities.store(binding.records, [Record(id, 2**60, data)])
    with pytest.raises(DecodeError) as error:
        feed[:]
    assert (error.value.feed, error.value.activity_id) == ("feed:home:grace", id)
    assert things(feed.skipping_broken()[:]) == [2, 0]
    assert feed.skipping_broken().page(10).broken == 1
    assert isinstance(streams.metrics, Tally)
    assert streams.metrics.broken == 3  # the read that raised, and those that passed it over


@promise("C24")
@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bytes_from_a_broker_are_refused(streams: Streams, data: bytes) -> None:
    with pytest.raises(Exception, match="not a task message") as failed:
        streams.execute(data)
    assert isinstance(failed.value.__cause__, MessageError)


class Rated(Activity):
    def __init__(self, *args: Any, stars: Decimal = Decimal(0), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stars = stars


class RatedFeed(Feed):
    activity_class = Rated
    activity_namespace = "rated"


@promise("C25")
@pytest.mark.parametrize("serializer", ["msgpack", "json"])
@pytest.mark.parametrize("activities", ["default", None], ids=["references", "payloads"])
def test_what_is_stored_comes_back_equal_with_its_types(serializer: str, activities: str | None) -> None:
    context = {
        "aware": datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        "naive": datetime(2026, 3, 1, 12, 0, 0, 1),  # noqa: DTZ001 - naive times are the point
        "day": date(2026, 3, 1),
        "text": "höhe \U0001f984 \0",
        "bytes": bytes(range(256)),
        "price": Decimal("12.340"),
        "id": UUID(int=7),
        "nested": [{"deep": ({1, 2}, frozenset("ab"), None, True, -0.5, 2**80)}],
    }
    given = Rated("ada", Comment, 42, target="wall", time=NOON, extra_context=context, stars=Decimal("4.50"))
    with Streams({"feeds": {"rated": {"serializer": serializer, "activities": activities}}}) as streams:
        feed = RatedFeed("grace", streams=streams)
        feed.add(given)
        [read] = feed[:]
    assert read == given
    assert type(read) is Rated
    assert str(read.stars) == "4.50"
    assert read.extra_context["aware"].utcoffset() == timedelta(hours=5, minutes=30)
    assert read.extra_context["naive"].tzinfo is None
    assert [type(value) for value in read.extra_context.values()] == [type(value) for value in context.values()]


@promise("C25")
def test_what_cannot_be_stored_is_refused_before_anything_is_written(late: tuple[Fans, LateQueue]) -> None:
    manager, queue = late
    with pytest.raises(EncodeError) as error:
        manager.add_user_activity("ada", love(1, who=[object()]))
    assert "who" in error.value.path
    assert queue.messages == []
    assert manager.get_user_feed("ada").count() == 0
    assert HomeFeed.binding(manager.streams).existing([love(1).serialization_id]) == set()


@promise("C26")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("feed:%(user_id)s", "feed:%(user_id)s"),
        ("feed:%(user_id)s", "feed:x%(user_id)s"),
        ("feed:%(user_id)s", "feed:%(user_id)s-x"),
        ("%(user_id)s", "pins.{user_id}"),
    ],
)
def test_feeds_that_could_share_a_key_are_refused_at_their_first_use(streams: Streams, one: str, other: str) -> None:
    first = type("FirstFeed", (Feed,), {"key_format": one})
    second = type("SecondFeed", (Feed,), {"key_format": other})
    first("grace", streams=streams)
    with pytest.raises(FeedConflict, match="could share a key"):
        second("grace", streams=streams)


@promise("C26")
def test_no_owner_spells_the_key_of_another_feed(streams: Streams) -> None:
    one = type("OneFeed", (Feed,), {"key_format": "feed:%(user_id)s:one"})
    deep = type("DeepFeed", (Feed,), {"key_format": "feed:deep:%(user_id)s:one"})
    one("deep:5", streams=streams).add(love(1))
    assert things(deep("5", streams=streams)) == []
    owners = ["a", "a:b", "a%3Ab", "a/b", "a b", "A", "*", "{a}", "a\n", "ä", "a\0"]
    keys = {one(owner, streams=streams).key for owner in owners}
    assert len(keys) == len(owners)
    assert all(key.count(":") == 2 and key.isascii() and key.isprintable() and " " not in key for key in keys)


@promise("C28")
def test_nothing_from_before_an_unfollow_arrives_after_it(late: tuple[Fans, LateQueue]) -> None:
    manager, queue = late
    manager.add_user_activity("ada", love(1))
    queue.deliver()
    manager.add_user_activity("ada", love(2, minute=2))
    under_way = list(queue.messages)
    manager.unfollow_user("grace", "ada", async_=False)
    assert shown(manager) == {"home": [], "complete": []}
    delivered = queue.deliver()
    for message in under_way + delivered:
        queue.handler(message)
    queue.deliver()
    assert shown(manager) == {"home": [], "complete": []}
    assert shown(manager, "linus") == {"home": [2, 1], "complete": [2, 1]}


@promise("C28")
def test_following_again_brings_the_past_back(late: tuple[Fans, LateQueue]) -> None:
    manager, queue = late
    manager.add_user_activity("ada", love(1))
    queue.deliver()
    manager.unfollow_user("grace", "ada")
    queue.deliver()
    manager.follow_user("grace", "ada")
    queue.deliver()
    assert shown(manager) == {"home": [1], "complete": [1]}
