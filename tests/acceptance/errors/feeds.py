"""Adding, removing, indexes and slices."""

from __future__ import annotations

from streamfw_core.errors import ActivityTypeError, ArgumentError, NotInFeed, SliceError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "add(None)",
        "feed.add(None)",
        ActivityTypeError,
        "feed 'pin' keeps Activity objects, got None (NoneType)",
    ),
    Row(
        "add() of an id",
        "feed.add(7)",
        ActivityTypeError,
        "feed 'pin' keeps Activity objects, got 7 (int)",
    ),
    Row(
        "add_many() of one activity",
        "feed.add_many(activity)",
        ArgumentError,
        "expected several activities, got Activity(actor=1, verb=Love, object=9, "
        "time=2026-01-01T00:00:00+00:00) (Activity): for one use add() or remove()",
    ),
    Row(
        "add_many() of a text",
        "feed.add_many('abc')",
        ArgumentError,
        "expected several activities, got 'abc' (str): for one use add() or remove()",
    ),
    Row(
        "remove() of a text",
        "feed.remove('7')",
        ActivityTypeError,
        "expected an activity or its id, got '7' (str)",
    ),
    Row(
        "the position of an activity that is not there",
        "feed.index_of(7)",
        NotInFeed,
        "activity 7 is not in feed 'feed:pin:2': feed.contains(activity) tells without an error",
    ),
    Row(
        "a negative index",
        "feed[-1]",
        SliceError,
        "feeds have no negative index (-1), as that would need their length: use "
        "feed.order_by('activity_id')[...] to start from the oldest",
    ),
    Row(
        "a negative slice",
        "feed[-5:]",
        SliceError,
        "feeds have no negative index (-5), as that would need their length: use "
        "feed.order_by('activity_id')[...] to start from the oldest",
    ),
    Row(
        "a slice with a step",
        "feed[0:10:2]",
        SliceError,
        "feeds have no step (2): take feed[start:stop] and slice the list",
    ),
    Row(
        "a text as index",
        "feed['1']",
        ArgumentError,
        "feeds are indexed by integers and slices of them, got '1' (str)",
    ),
    Row(
        "a float as index",
        "feed[:2.5]",
        ArgumentError,
        "feeds are indexed by integers and slices of them, got 2.5 (float)",
    ),
    Row(
        "an index past the end",
        "feed[99]",
        SliceError,
        "feed 'feed:pin:2' has no activity at 99: it shows 2",
    ),
    Row(
        "trim() to a negative length",
        "feed.trim(-1)",
        SliceError,
        "trim() takes a length of 0 or more, got -1",
    ),
    Row(
        "trim() to a float",
        "feed.trim(1.5)",
        SliceError,
        "trim() takes a length of 0 or more, got 1.5",
    ),
    Row(
        "streams= that is no application",
        "PinFeed(1, streams={'storages': {}})",
        ArgumentError,
        "streams= takes a Streams object, got {'storages': {}} (dict): make one with "
        "Streams(settings), or leave it out for the default one",
    ),
]
