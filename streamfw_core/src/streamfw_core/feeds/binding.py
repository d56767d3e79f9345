"""A feed class bound to the storages, serializer and metrics of one `Streams`: what all feeds of the class share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from attrs import field, frozen

from streamfw_core.activity import Activity
from streamfw_core.errors import ActivityNotFound, ActivityTypeError, DecodeError, EncodeError, WriteFailed, given
from streamfw_core.ids import Id, check_activity_id, encode_owner
from streamfw_core.metrics import Metrics, NoMetrics
from streamfw_core.storage.columns import check_value
from streamfw_core.storage.protocol import Entry, FeedSpec, Outcome, Page, Query, Record, Removal, Storage, Write

if TYPE_CHECKING:
    from streamfw_core.feeds.feed import Feed
    from streamfw_core.serializers import Serializer
    from streamfw_core.storage.protocol import CopyStorage, StartStorage

__all__ = ["Binding", "Found"]


class Found(NamedTuple):
    """What a query found: the activities that could be served, and what was passed over.

    :param last_id: of the last entry looked at, served or not; None when there was none.
    :param examined: how many entries were looked at.
    :param missing: ids of entries without a record.
    :param broken: the errors of entries whose bytes are not activities.
    """

    activities: list[Any]
    last_id: int | None
    examined: int
    missing: Sequence[int] = ()
    broken: Sequence[DecodeError] = ()


@frozen(eq=False)
class Binding:
    """Where and how the feeds of one class live.

    :param activities: the storage of the records; None where timelines keep payloads inline.
    :param records: the namespace of the records.
    """

    feed_class: type[Feed]
    spec: FeedSpec
    timelines: Storage
    activities: Storage | None
    records: str
    serializer: Serializer
    metrics: Metrics
    hydrate: str | None = field(init=False)
    """What queries of these feeds have as `hydrate`."""
    _decode_all: Callable[[Sequence[int], Sequence[Any]], list[Activity]] = field(init=False)
    _note_read: Callable[[int, float], None] | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "hydrate", None if self.activities is None else self.records)
        # A serializer may read many at once faster than one by one.
        one_by_one = partial(_loads_each, self.serializer)
        object.__setattr__(self, "_decode_all", getattr(self.serializer, "loads_all", one_by_one))
        object.__setattr__(self, "_note_read", self.metrics.reads_noted(self.feed_class))

    @property
    def waits(self) -> bool:
        """Whether these feeds can wait on an event loop for their storages, instead of blocking it."""
        return self.timelines.capabilities.aio and (self.activities is None or self.activities.capabilities.aio)

    # --- writing ---

    def encode(self, activities: Iterable[Activity]) -> list[tuple[Activity, bytes]]:
        """Serialize, so that what cannot be stored is refused before anything is written."""
        activities = [*activities]
        self.check_columns(activities)
        return [(activity, self.serializer.dumps(self.checked(activity))) for activity in activities]

    def checked(self, activity: object) -> Activity:
        """The activity, if it is of the class that the feed keeps.

        :raises ActivityTypeError: it is not.
        """
        expected = self.feed_class.activity_class
        if type(activity) is expected:
            return activity
        name = type(activity).__name__
        message = f"feed {self.spec.name!r} keeps {expected.__name__} objects, got {given(activity)}"
        if isinstance(activity, Activity):
            article = "an" if expected.__name__[0] in "AEIOU" else "a"
            message += (
                f": set activity_class = {name} on {self.feed_class.__name__}, or pass {article} {expected.__name__}"
            )
        raise ActivityTypeError(message)

    def store(self, encoded: Sequence[tuple[Activity, bytes]], stamp: int, *, update: bool = False) -> None:
        """Write the activities' records, where the feed keeps references; `update`: only those that exist."""
        if self.activities is not None and encoded:
            records = [Record(activity.serialization_id, stamp, payload) for activity, payload in encoded]
            self.activities.store(self.records, records, update=update)

    def discard(self, ids: Sequence[int], stamp: int) -> None:
        """Replace the activities' records by tombstones, where the feed keeps references."""
        if self.activities is not None and ids:
            self.activities.store(self.records, [Record(id, stamp, None) for id in ids])

    def entries(self, encoded: Sequence[tuple[Activity, bytes]], stamp: int) -> list[Entry]:
        """What a timeline keeps of the activities."""
        inline = self.spec.inline
        return [
            Entry(activity.serialization_id, stamp, payload if inline else None, columns=self.columns(activity))
            for activity, payload in encoded
        ]

    def copies(self, activities: Sequence[Activity], stamp: int) -> list[Entry]:
        """What a timeline keeps of activities whose records are stored already."""
        if self.spec.inline:
            return self.entries(self.encode(activities), stamp)
        return [Entry(activity.serialization_id, stamp, columns=self.columns(activity)) for activity in activities]

    def check_columns(self, activities: Iterable[Activity]) -> None:
        """Refuse activities with values that the feed's columns do not take.

        :raises EncodeError: there are such.
        """
        if self.spec.columns:
            for activity in activities:
                self.columns(self.checked(activity))

    def columns(self, activity: Activity) -> Sequence[object] | None:
        """The values of the feed's columns for an activity; None: it has no columns.

        :raises EncodeError: a value that its column does not take, or of a column that is not declared.
        """
        declared = self.spec.columns
        if not declared:
            return None
        values = self.feed_class.columns_of(activity)
        unknown = sorted(set(values) - set(declared))
        if unknown:
            raise EncodeError(
                f"{self.feed_class.__name__}.columns_of() names {unknown[0]!r}, which is not among the columns of the feed:"
                f" {', '.join(declared)}"
            )
        given = {name: values.get(name) for name in declared}
        return [
            None if value is None else check_value(self.spec.name, name, declared[name], value)
            for name, value in given.items()
        ]

    def removals(self, ids: Iterable[int], stamp: int, activities: Mapping[int, Activity]) -> list[Removal]:
        """That activities are taken out of timelines; those of them that are at hand are in `activities`."""
        return [Removal(id, stamp) for id in ids]

    @property
    def needs_activities(self) -> bool:
        """Whether writing to these feeds takes the activities themselves, and not only their ids."""
        return self.keeps_values or self.feed_class.listens_to_updates()

    @property
    def keeps_values(self) -> bool:
        """Whether timelines keep something of the activities beside their ids, which an update changes."""
        return self.spec.inline or bool(self.spec.columns)

    def apply(self, write: Write, *, report: bool = False) -> Outcome:
        """Write to one or more feeds in one call of the storage."""
        return self.timelines.write(self.spec, [write], report=report)

    def start(self, write: Write, *, report: bool = False) -> Callable[[], Outcome]:
        """`apply`, begun where the storage can do that; what is returned does the rest, and must be called."""
        if not self.timelines.capabilities.starts:
            return partial(self.apply, write, report=report)
        return cast("StartStorage", self.timelines).start_write(self.spec, [write], report=report)

    def write(self, write: Write, *, report: bool = False) -> Outcome:
        """`apply`, but all feeds must be written.

        :raises WriteFailed: some of them could not be.
        """
        outcome = self.apply(write, report=report)
        if outcome.failures:
            raise self.write_failed(outcome, write)
        return outcome

    def copies_from(self, source: Binding) -> bool:
        """Whether the storage itself can copy from feeds of another class: both refer to the same records in one place."""
        return (
            self.timelines is source.timelines
            and self.timelines.capabilities.copies
            and self.spec.kind == source.spec.kind == "flat"
            and self.activities is not None
            and self.activities is source.activities
            and self.records == source.records
            and self.feed_class.activity_class is source.feed_class.activity_class
            and not self.needs_activities
        )

    def copy(self, source: Binding, source_owner: Id, owner: Id, limit: int, stamp: int) -> None:
        """Copy the newest entries of a feed into one of this class; see `copies_from`."""
        query = Query(encode_owner(source_owner), 0, limit)
        timelines = cast("CopyStorage", self.timelines)
        timelines.copy(source.spec, query, self.spec, encode_owner(owner), stamp=stamp)

    def write_failed(self, outcome: Outcome, write: Write) -> WriteFailed:
        owners = sorted(outcome.failures)
        ids = [*(put.id for put in write.puts), *(removal.id for removal in write.removes)]
        ids += [update.id for update in write.updates]
        first = outcome.failures[owners[0]]
        error = WriteFailed(
            f"{len(owners)} of {len(write.owners)} feeds of {self.spec.name!r} on storage {self.timelines.name!r} were not"
            f" written, first {self.spec.key(owners[0])!r}: {first}; activities {', '.join(map(str, ids[:3]))}"
            f"{' ...' if len(ids) > 3 else ''}",
            failures=outcome.failures,
            activity_ids=ids,
            storage=self.timelines.name,
        )
        error.__cause__ = first
        return error

    # --- reading ---

    def find(self, query: Query, *, skip_broken: bool = False) -> Found:
        """Read and decode what a query asks for; entries without a record are passed over and counted.

        :raises DecodeError: bytes that are not an activity, unless `skip_broken`.
        """
        if query.lower > query.upper:
            return Found([], None, 0)
        if type(self.metrics) is NoMetrics:
            return self._find(query, skip_broken)
        note = self._note_read
        try:
            if note is None:
                with self.metrics.feed_reads_timer(self.feed_class):
                    found = self._find(query, skip_broken)
                self.metrics.on_feed_read(self.feed_class, len(found.activities))
            else:
                started = perf_counter()
                found = self._find(query, skip_broken)
                note(len(found.activities), perf_counter() - started)
        except DecodeError:
            self.metrics.on_decode_error(self.feed_class, 1)
            raise
        if found.missing:
            self.metrics.on_hydration_miss(self.feed_class, len(found.missing))
        if found.broken:
            self.metrics.on_decode_error(self.feed_class, len(found.broken))
        return found

    def _find(self, query: Query, skip_broken: bool) -> Found:
        page = self._hydrated(self.timelines.read(self.spec, [query])[0])
        return self._decode(query.owner, page, skip_broken)

    def count(self, query: Query) -> int:
        """How many entries a query without start and stop would find."""
        return self.timelines.stats(self.spec, [query])[0].entries if query.lower <= query.upper else 0

    def locate(self, query: Query, id: int) -> int | None:
        """The position of an activity among what a query without start and stop would find; None: it is not shown."""
        if query.lower > query.upper:
            return None
        position = self.timelines.locate(self.spec, query, [id])[0]
        return position if position is not None and self.existing([id]) else None

    def load(self, ids: Sequence[int]) -> dict[int, Activity]:
        """The activities that have a record, by id."""
        if self.activities is None:
            return {}
        return {
            record.id: self.serializer.loads(record.payload, record.id)
            for record in self.activities.load(self.records, ids)
            if record is not None and record.payload is not None
        }

    def held(self, owner: str, ids: Sequence[int]) -> list[int]:
        """Which of the ids a feed holds, whether their activities still exist or not."""
        places = self.timelines.locate(self.spec, Query(owner), ids)
        return [id for id, place in zip(ids, places, strict=True) if place is not None]

    def existing(self, ids: Sequence[int]) -> set[int]:
        """Which of the ids have an activity: all of them where there are no records to look into."""
        if self.activities is None:
            return set(ids)
        records = self.activities.load(self.records, ids)
        return {record.id for record in records if record is not None and record.payload is not None}

    def _hydrated(self, page: Page) -> Page:
        if self.activities is None or (page.payloads is not None and self.activities is self.timelines):
            return page
        records = self.activities.load(self.records, page.ids)
        return Page(page.ids, [None if record is None else record.payload for record in records])

    def _decode(self, owner: str, page: Page, skip_broken: bool) -> Found:
        ids, payloads, _ = page
        if not ids or payloads is None:
            return Found([], None, 0)
        # A loop in C over what is nearly always there: an empty payload goes the slow way and is refused there.
        if all(payloads):
            try:
                return Found(self._decode_all(ids, payloads), ids[-1], len(ids))
            except DecodeError:
                pass
        return self._decode_one_by_one(owner, page, skip_broken)

    def _decode_one_by_one(self, owner: str, page: Page, skip_broken: bool) -> Found:
        activities: list[Activity] = []
        missing: list[int] = []
        broken: list[DecodeError] = []
        for id, data in zip(page.ids, page.payloads or (), strict=True):
            if data is None:
                missing.append(id)
                continue
            try:
                activities.append(self.serializer.loads(data, id))
            except DecodeError as error:
                located = self.located(owner, id, error)
                if not skip_broken:
                    raise located from error
                broken.append(located)
        return Found(activities, page.ids[-1], len(page.ids), missing, broken)

    def located(self, owner: str, id: int, error: DecodeError) -> DecodeError:
        """The error of bytes that are not an activity, with the feed in which they were found."""
        key = self.spec.key(owner)
        return DecodeError(
            f"activity {id} of feed {key!r} cannot be decoded: {error}; read with"
            " feed.skipping_broken() to get the rest",
            feed=key,
            activity_id=id,
        )


def _loads_each(serializer: Serializer, ids: Sequence[int], payloads: Sequence[bytes]) -> list[Activity]:
    return [serializer.loads(data, id) for id, data in zip(ids, payloads, strict=True)]


def activity_id_of(value: object) -> int:
    """The id of an activity given as one, as a reference, or as the id.

    :raises ActivityTypeError, IdError: it is none of these.
    """
    id = getattr(value, "serialization_id", value)
    if isinstance(id, int):
        return check_activity_id(id)
    raise ActivityTypeError(f"expected an activity or its id, got {given(value)}")


def not_found(key: str, id: int) -> ActivityNotFound:
    return ActivityNotFound(
        f"feed {key!r} refers to activity {id}, which the activity storage does not have (any more);"
        " slices and pages pass over such entries"
    )
