"""What people get wrong, and what they read then: exactly this, and nothing is half-written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from streamfw_core.errors import (
    ActivityTypeError,
    ArgumentError,
    BackendBroken,
    BackendNotFound,
    CursorError,
    DuplicateVerb,
    EncodeError,
    FactChanged,
    FeedConflict,
    FilterError,
    IdError,
    MissingObject,
    NotInFeed,
    OrderingError,
    SettingsError,
    SliceError,
    TimeError,
    VerbError,
    VerbNotFound,
)
from streamfw_core.queues.retry import MessageFailed

from streamfw_core import Activity, Add, Comment, Follow, Love, Streams, verbs
from tests.acceptance import bad_inputs
from tests.acceptance.bad_inputs import (
    NoKey,
    NoLength,
    OtherActivity,
    PinFeed,
    SameKey,
    SameName,
    TakenId,
    Unregistered,
    Unsaved,
    WithoutId,
    WithoutPast,
    activity,
    bind,
    feed,
    manager,
    new,
    publish,
    register_any,
    streams,
)

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Case(NamedTuple):
    """Something wrong, the error, and its message."""

    name: str
    attempt: Callable[[], Any]
    error: type[Exception]
    message: str


CASES = [
    Case(
        "actor-none",
        lambda: publish(new(None, Love, 1)),
        IdError,
        "actor must be an int, a str or a UUID, got None (NoneType)",
    ),
    Case(
        "actor-bool",
        lambda: publish(new(True, Love, 1)),
        IdError,
        "actor must be an int, a str or a UUID, got True (bool)",
    ),
    Case(
        "actor-empty",
        lambda: publish(new("", Love, 1)),
        IdError,
        "actor is an empty string: an id has at least one character",
    ),
    Case(
        "actor-float",
        lambda: publish(new(1.5, Love, 1)),
        IdError,
        "actor must be an int, a str or a UUID, got 1.5 (float)",
    ),
    Case(
        "object-unsaved",
        lambda: publish(new(1, Love, Unsaved())),
        IdError,
        "object <Unsaved> has the id None: save it before making an activity of it",
    ),
    Case(
        "target-list",
        lambda: publish(new(1, Love, 1, target=[1])),
        IdError,
        "target must be an int, a str or a UUID, got [1] (list)",
    ),
    Case(
        "actor-surrogate",
        lambda: publish(new("\ud800", Love, 1)),
        IdError,
        "actor '\\ud800' has a lone surrogate at 0, which UTF-8 cannot express: clean it with "
        'value.encode("utf-8", "replace").decode()',
    ),
    Case(
        "actor-endless",
        lambda: publish(new("x" * 16_385, Love, 1)),
        IdError,
        "actor is a text of 16,385 bytes: an id has at most 16,384, so use a digest of it",
    ),
    Case(
        "time-text",
        lambda: publish(new(1, Love, 1, time="yesterday")),
        TimeError,
        "time must be a datetime, got 'yesterday' (str)",
    ),
    Case(
        "time-early",
        lambda: publish(new(1, Love, 1, time=datetime(1969, 12, 31, tzinfo=UTC))),
        TimeError,
        "time 1969-12-31T00:00:00+00:00 is before 1970-01-01T00:00:00Z: activities start there",
    ),
    Case(
        "context-list",
        lambda: publish(new(1, Love, 1, extra_context=[1])),
        ActivityTypeError,
        "extra_context must be a mapping with text keys, got [1] (list)",
    ),
    Case(
        "context-object",
        lambda: publish(new(1, Love, 1, extra_context={"a": {"b": object}})),
        EncodeError,
        "extra_context['a']['b'] is of the type type, which cannot be stored: store its id, or a dict of plain values",
    ),
    Case(
        "verb-text",
        lambda: publish(new(1, "love", 1)),
        VerbError,
        "a verb is a Verb class, an instance of one or its id, got 'love'",
    ),
    Case(
        "verb-unknown",
        lambda: publish(new(1, 8_999, 1)),
        VerbNotFound,
        "no verb is registered under the id 8999: import the module that defines it and calls "
        "register() before activities are made or read (registered: 1, 2, 3, 4)",
    ),
    Case(
        "verb-unregistered",
        lambda: publish(new(1, Unregistered, 1)),
        VerbError,
        "verb Unregistered (id 8901) is not registered, so nobody could read it back: call "
        "streamfw_core.register(Unregistered)",
    ),
    Case(
        "verb-no-id",
        lambda: register_any(WithoutId),
        VerbError,
        "verb WithoutId needs an integer id from 1 to 2**63 - 1, got 0",
    ),
    Case(
        "verb-no-past",
        lambda: register_any(WithoutPast),
        VerbError,
        "verb WithoutPast needs past_tense = '...', got ''",
    ),
    Case(
        "verb-id-taken",
        lambda: register_any(TakenId),
        DuplicateVerb,
        "verb id 3 of tests.acceptance.bad_inputs.TakenId is taken by streamfw_core.verbs.Love: give "
        "TakenId an id that no verb has (taken: 1, 2, 3, 4)",
    ),
    Case(
        "verb-no-class",
        lambda: register_any("pin"),
        VerbError,
        "register() takes a subclass of Verb, got 'pin'",
    ),
    Case(
        "publisher-bool",
        lambda: manager().add_user_activity(True, activity()),
        IdError,
        "user id must be an int, a str or a UUID, got True (bool)",
    ),
    Case(
        "publish-text",
        lambda: publish("Ada loved Sunset"),
        ActivityTypeError,
        "feed 'user' keeps Activity objects, got 'Ada loved Sunset' (str)",
    ),
    Case(
        "publish-other-class",
        lambda: publish(OtherActivity(1, Love, 1, time=NEW_YEAR)),
        ActivityTypeError,
        "feed 'user' keeps Activity objects, got OtherActivity(actor=1, verb=Love, object=1, "
        "time=2026-01-01T00:00:00+00:00) (OtherActivity): set activity_class = OtherActivity on "
        "UserBaseFeed, or pass an Activity",
    ),
    Case(
        "owner-none",
        lambda: feed(None),
        IdError,
        "feed owner must be an int, a str or a UUID, got None (NoneType)",
    ),
    Case(
        "owner-float",
        lambda: feed(1.0),
        IdError,
        "feed owner must be an int, a str or a UUID, got 1.0 (float)",
    ),
    Case(
        "add-none",
        lambda: feed().add(None),
        ActivityTypeError,
        "feed 'pin' keeps Activity objects, got None (NoneType)",
    ),
    Case(
        "add-many-text",
        lambda: feed().add_many("abc"),
        ArgumentError,
        "expected several activities, got 'abc' (str): for one use add() or remove()",
    ),
    Case(
        "remove-text",
        lambda: feed().remove("1"),
        ActivityTypeError,
        "expected an activity or its id, got '1' (str)",
    ),
    Case(
        "remove-negative",
        lambda: feed().remove(-1),
        IdError,
        "an activity id is an integer from 0 to 2**128 - 1, got -1 (int)",
    ),
    Case(
        "remove-large",
        lambda: feed().remove(2**128),
        IdError,
        "an activity id is an integer from 0 to 2**128 - 1, got 340282366920938463463374607431768211456 (int)",
    ),
    Case(
        "index-past",
        lambda: feed()[0],
        SliceError,
        "feed 'feed:pin:1' has no activity at 0: it shows 0",
    ),
    Case(
        "index-negative",
        lambda: feed()[-1],
        SliceError,
        "feeds have no negative index (-1), as that would need their length: use "
        "feed.order_by('activity_id')[...] to start from the oldest",
    ),
    Case(
        "slice-negative",
        lambda: feed()[-5:],
        SliceError,
        "feeds have no negative index (-5), as that would need their length: use "
        "feed.order_by('activity_id')[...] to start from the oldest",
    ),
    Case(
        "slice-step",
        lambda: feed()[::2],
        SliceError,
        "feeds have no step (2): take feed[start:stop] and slice the list",
    ),
    Case(
        "index-text",
        lambda: feed()["1"],
        ArgumentError,
        "feeds are indexed by integers and slices of them, got '1' (str)",
    ),
    Case(
        "trim-negative",
        lambda: feed().trim(-1),
        SliceError,
        "trim() takes a length of 0 or more, got -1",
    ),
    Case(
        "index-of",
        lambda: feed().index_of(7),
        NotInFeed,
        "activity 7 is not in feed 'feed:pin:1': feed.contains(activity) tells without an error",
    ),
    Case(
        "filter-field",
        lambda: feed().filter(actor_id=1),
        FilterError,
        "feeds cannot be filtered by 'actor_id': use one of activity_id__gt, activity_id__gte, "
        "activity_id__lt, activity_id__lte",
    ),
    Case(
        "filter-operator",
        lambda: feed().filter(activity_id__near=1),
        FilterError,
        "feeds cannot be filtered by 'activity_id__near': use one of activity_id__gt, activity_id__gte, "
        "activity_id__lt, activity_id__lte",
    ),
    Case(
        "filter-value",
        lambda: feed().filter(activity_id__gt="1"),
        FilterError,
        "activity_id__gt takes an activity id (an integer) or an activity, got '1' (str)",
    ),
    Case(
        "order-field",
        lambda: feed().order_by("time"),
        OrderingError,
        "feeds are ordered by 'activity_id' (oldest first) or '-activity_id' (newest first), got 'time'",
    ),
    Case(
        "page-size",
        lambda: feed().page(0),
        SliceError,
        "a page has 1 activity or more, got size 0",
    ),
    Case(
        "page-cursor",
        lambda: feed().page(after="abc"),
        CursorError,
        "'abc' is not a page cursor: pass page.next_cursor as it is, or None for the first page",
    ),
    Case(
        "page-cursor-order",
        lambda: feed().order_by("activity_id").page(after="AQAAAAAAAAAAAAAAAAAAAAAB"),
        CursorError,
        "this page cursor comes from the other order: keep the feed's order_by while paging",
    ),
    Case(
        "object-unknown",
        lambda: Activity.from_stored(1, activity().stored_state()).actor,
        MissingObject,
        "activity.actor is not known, only its id is: use activity.actor_id, or set activity.actor to the object",
    ),
    Case(
        "object-other-id",
        lambda: activity().__setattr__("actor", 2),
        IdError,
        "activity.actor_id is 1, so activity.actor cannot be an object with the id 2",
    ),
    Case(
        "fact-changed",
        lambda: activity().__setattr__("time", None),
        FactChanged,
        "activity.time is part of the activity's id and cannot be changed: make a new activity",
    ),
    Case(
        "settings-key",
        lambda: Streams({"storage": {}}),
        SettingsError,
        "1 problem in the settings:\n  - storage: unknown key (did you mean 'storages'?)",
    ),
    Case(
        "settings-many",
        lambda: Streams({"storages": {"1": "memory"}, "feeds": {"a": {"max_length": "ten"}}, "task_queue": 3}),
        SettingsError,
        "3 problems in the settings:\n"
        "  - storages.1: the name of a storage must be letters, digits, '-' and '_', and start with a "
        "letter (such as 'user_feed')\n"
        "  - feeds.a.max_length: must be a whole number, is a str (such as 800)\n"
        "  - task_queue: must be a name or a mapping, is an int (such as 'threads' or {'backend': 'threads', "
        "'options': {...}})",
    ),
    Case(
        "settings-reference",
        lambda: Streams({"storages": {"hot": "memory"}, "feeds": {"pin": {"timeline": "hit"}}}),
        SettingsError,
        "1 problem in the settings:\n"
        "  - feeds.pin.timeline: no storage is named 'hit' (did you mean 'hot'? defined are: hot)",
    ),
    Case(
        "settings-module",
        lambda: Streams("no_such_module:STREAMFW"),
        SettingsError,
        "1 problem in the settings:\n"
        "  - settings: the module 'no_such_module' cannot be imported: ModuleNotFoundError: No module "
        "named 'no_such_module' (`python -c 'import no_such_module'` shows more; is its folder on "
        "sys.path?)",
    ),
    Case(
        "storage-unknown",
        lambda: feed(settings={"storages": {"default": "memori"}}),
        BackendNotFound,
        "No installed plugin offers a storage backend named 'memori'.\n"
        "  Did you mean 'memory'?\n"
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Case(
        "storage-url",
        lambda: feed(settings={"storages": {"default": "nosuch://ada:secret@host/0"}}),
        BackendNotFound,
        "No installed plugin offers a storage backend for URLs that start with 'nosuch://'.\n"
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Case(
        "storage-not-installed",
        lambda: feed(settings={"storages": {"default": "cassandra"}}),
        BackendNotFound,
        "No installed plugin offers a storage backend named 'cassandra'.\n"
        '  Install it: pip install "streamfw[cassandra]"\n'
        "  Available: memory.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Case(
        "storage-path",
        lambda: feed(settings={"storages": {"default": "streamfw_core.streams:Stroams"}}),
        BackendBroken,
        "The storage backend 'streamfw_core.streams:Stroams' cannot be loaded: streamfw_core.streams "
        "has no 'Stroams'; did you mean 'Streams'?\n"
        "  Check the path in the settings, and that the folder of the module is on sys.path.",
    ),
    Case(
        "storage-option",
        lambda: feed(settings={"storages": {"default": {"backend": "memory", "options": {"ttl": 3}}}}),
        SettingsError,
        "1 problem in the settings:\n  - storages.default.options.ttl: unknown key (known are: tombstone_ttl)",
    ),
    Case(
        "queue-option",
        lambda: streams({"task_queue": {"backend": "threads", "options": {"workers": "four"}}}).queue,
        SettingsError,
        "1 problem in the settings:\n"
        "  - task_queue.options.workers: must be an int, is a str (write the number without quotes)",
    ),
    Case(
        "queue-unknown",
        lambda: streams({"task_queue": "thread"}).queue,
        BackendNotFound,
        "No installed plugin offers a task queue backend named 'thread'.\n"
        "  Did you mean 'threads'?\n"
        "  Available: inline, threads.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Case(
        "serializer-unknown",
        lambda: feed(settings={"feeds": {"pin": {"serializer": "pickle"}}}),
        BackendNotFound,
        "No installed plugin offers a serializer backend named 'pickle'.\n"
        "  Available: json, msgpack.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Case(
        "max-length",
        lambda: bind(NoLength),
        SettingsError,
        "1 problem in the settings:\n"
        "  - feeds.no_length.max_length: NoLength.max_length is 0 (it must be an integer of 1 or more)",
    ),
    Case(
        "key-format",
        lambda: bind(NoKey),
        FeedConflict,
        "NoKey.key_format 'feed' has 0 places for the owner and needs exactly one, as in "
        "'feed:normal:%(user_id)s'; without it all users would share one feed",
    ),
    Case(
        "feeds-one-name",
        lambda: bind(PinFeed, SameName),
        FeedConflict,
        "tests.acceptance.bad_inputs.SameName and tests.acceptance.bad_inputs.PinFeed are both named "
        "'pin': set name = '...' on one of them",
    ),
    Case(
        "feeds-one-key",
        lambda: bind(PinFeed, SameKey),
        FeedConflict,
        "tests.acceptance.bad_inputs.SameKey and tests.acceptance.bad_inputs.PinFeed could share a key "
        "on storage 'default': key_format 'feed:pin:%(user_id)s' and 'feed:pin:%(user_id)s' meet for "
        "some owners; set key_format on one of them, such as 'feed:same_key:%(user_id)s'",
    ),
    Case(
        "message-version",
        lambda: streams().execute(b'{"kind":"follow","v":2,"manager":"m","source":1,"stamp":1,"targets":[],"limit":1}'),
        MessageFailed,
        "task message of version 2, and this release reads version 1: run the workers with the release "
        "that wrote it, or let the queue drain before upgrading",
    ),
    Case(
        "message-manager",
        lambda: streams().execute(
            b'{"kind":"follow","v":1,"manager":"m","source":1,"stamp":1,"targets":[1],"limit":1}'
        ),
        MessageFailed,
        'no manager is named \'m\' (known: none): list it in the settings, "managers": {"m": "myapp.feeds:MyManager"}',
    ),
]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only the built-in verbs, no settings from outside, and a look at what was written."""
    monkeypatch.setattr(verbs, "_verbs", {verb.id: verb for verb in (Follow, Comment, Love, Add)})
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    bad_inputs.made.clear()
    yield
    bad_inputs.made.clear()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_message_is_exactly_this_and_nothing_is_written(case: Case) -> None:
    with pytest.raises(case.error) as caught:
        case.attempt()
    assert str(caught.value) == case.message
    assert type(caught.value) is case.error
    for application in bad_inputs.made:
        assert written(application) == []


def test_there_are_enough_of_them() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40


def written(application: Streams) -> list[object]:
    """Whatever the storages of an application hold."""
    found: list[object] = []
    for storage in application._storages.values():
        timelines, records = vars(storage)["_timelines"], vars(storage)["_records"]
        found += [owner for of_feed in timelines.values() for owner in of_feed.feeds]
        found += [id for of_namespace in records.values() for id in of_namespace.by_id]
    return found


def test_what_is_written_is_seen() -> None:
    publish(activity())
    assert len(written(bad_inputs.made[0])) > 0
