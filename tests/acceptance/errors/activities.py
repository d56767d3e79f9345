"""Times and other parts of activities."""

from __future__ import annotations

from streamfw_core.errors import ActivityTypeError, FactChanged, IdError, MissingObject, TimeError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "a time as text",
        "publish(Activity(1, Love, 1, time='2026-01-01'))",
        TimeError,
        "time must be a datetime, got '2026-01-01' (str)",
    ),
    Row(
        "a time as seconds",
        "publish(Activity(1, Love, 1, time=1767225600.0))",
        TimeError,
        "time must be a datetime, got 1767225600.0 (float)",
    ),
    Row(
        "a time before 1970",
        "publish(Activity(1, Love, 1, time=datetime(1969, 12, 31, tzinfo=UTC)))",
        TimeError,
        "time 1969-12-31T00:00:00+00:00 is before 1970-01-01T00:00:00Z: activities start there",
    ),
    Row(
        "a time zone without an offset",
        "publish(Activity(1, Love, 1, time=datetime(2026, 1, 1, tzinfo=WithoutOffset())))",
        TimeError,
        "time has a tzinfo that gives no offset, a WithoutOffset: use zoneinfo.ZoneInfo or datetime.UTC",
    ),
    Row(
        "a list as extra_context",
        "publish(Activity(1, Love, 1, extra_context=['surf']))",
        ActivityTypeError,
        "extra_context must be a mapping with text keys, got ['surf'] (list)",
    ),
    Row(
        "extra_context set to None",
        "activity.extra_context = None",
        ActivityTypeError,
        "extra_context must be a mapping with text keys, got None (NoneType)",
    ),
    Row(
        "another time for an activity",
        "activity.time = datetime(2027, 1, 1, tzinfo=UTC)",
        FactChanged,
        "activity.time is part of the activity's id and cannot be changed: make a new activity",
    ),
    Row(
        "the object of which only the id is known",
        "feed[0].object.title",
        MissingObject,
        "activity.object is not known, only its id is: use activity.object_id, or set activity.object to the object",
    ),
    Row(
        "an actor with another id",
        "activity.actor = 2",
        IdError,
        "activity.actor_id is 1, so activity.actor cannot be an object with the id 2",
    ),
    Row(
        "a text as activity",
        "publish('Ada loved Sunset')",
        ActivityTypeError,
        "feed 'own' keeps Activity objects, got 'Ada loved Sunset' (str)",
    ),
    Row(
        "an activity of another class",
        "publish(OtherActivity(1, Love, 1, time=datetime(2026, 1, 1, tzinfo=UTC)))",
        ActivityTypeError,
        "feed 'own' keeps Activity objects, got OtherActivity(actor=1, verb=Love, object=1, "
        "time=2026-01-01T00:00:00+00:00) (OtherActivity): set activity_class = OtherActivity on "
        "OwnFeed, or pass an Activity",
    ),
]
