"""What managers say of themselves, and what they are given."""

from __future__ import annotations

from streamfw_core.errors import (
    ActivityTypeError,
    ArgumentError,
    DuplicateManager,
    EncodeError,
    FollowersUnknown,
    IdError,
    ManagerError,
)

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "chunks of no followers",
        "subclass(PinManager, 'SlowManager', fanout_chunk_size=0)(streams=streams).add_user_activity(1, activity)",
        ManagerError,
        "SlowManager.fanout_chunk_size must be a whole number of 1 or more, got 0 (int)",
    ),
    Row(
        "a negative limit for new followers",
        "subclass(PinManager, 'SlowManager', follow_activity_limit=-1)(streams=streams).follow_user(5, 1)",
        ManagerError,
        "SlowManager.follow_activity_limit must be a whole number of 0 or more, got -1 (int)",
    ),
    Row(
        "feed classes as a list",
        "subclass(PinManager, 'ListManager', feed_classes=[PinFeed])(streams=streams).add_user_activity(1, activity)",
        ArgumentError,
        "ListManager.feed_classes maps aliases to feed classes, such as {'normal': PinFeed}, got "
        "[<class 'tests.acceptance.errors.world.PinFeed'>] (list)",
    ),
    Row(
        "a feed class that is none",
        "subclass(PinManager, 'DictManager', feed_classes={'pins': "
        "dict})(streams=streams).add_user_activity(1, activity)",
        ArgumentError,
        "DictManager.feed_classes['pins'] must be a subclass of Feed, got <class 'dict'> (type)",
    ),
    Row(
        "nobody says who follows",
        "subclass(Manager, 'SilentManager', feed_classes={'pins': PinFeed}, "
        "user_feed_class=PinManager.user_feed_class)(streams=streams).add_user_activity(1, activity)",
        FollowersUnknown,
        "SilentManager does not say who follows whom: define get_user_follower_ids(self, user_id) "
        "that returns {FanoutPriority.HIGH: ids}",
    ),
    Row(
        "two managers of one name",
        "subclass(PinManager, 'OtherManager', name='pin')(streams=streams).add_user_activity(1, activity)",
        DuplicateManager,
        "manager name 'pin' of shop.OtherManager is taken by "
        "tests.acceptance.errors.world.PinManager: set name = '...' on one of them",
    ),
    Row(
        "a manager without a name",
        "PinManager(streams=streams, name='').add_user_activity(1, activity)",
        ManagerError,
        "the name of a manager must be a text that can be printed, got ''",
    ),
    Row(
        "import in chunks of nothing",
        "manager.batch_import(1, [activity], chunk_size=0)",
        ArgumentError,
        "batch_import() takes a chunk_size of 1 or more, got 0 (int)",
    ),
    Row(
        "import of one activity",
        "manager.batch_import(1, activity)",
        ArgumentError,
        "batch_import() takes several activities, got Activity(actor=1, verb=Love, object=9, "
        "time=2026-01-01T00:00:00+00:00) (Activity): for one use add_user_activity()",
    ),
    Row(
        "import with one that cannot be stored",
        "manager.batch_import(1, [activity, Activity(1, Love, 2, extra_context={'book': Node()})])",
        EncodeError,
        "extra_context['book'] is of the type tests.acceptance.errors.vocabulary.Node, which cannot "
        "be stored: store its id, or a dict of plain values",
    ),
    Row(
        "an update of one activity as several",
        "manager.update_user_activities(1, activity)",
        ArgumentError,
        "update_user_activities() takes several activities, got Activity(actor=1, verb=Love, "
        "object=9, time=2026-01-01T00:00:00+00:00) (Activity): for one use update_user_activity()",
    ),
    Row(
        "the removal of a text",
        "manager.remove_user_activity(1, 'love')",
        ActivityTypeError,
        "expected an activity or its id, got 'love' (str)",
    ),
    Row(
        "following nobody",
        "manager.follow_user(2, None)",
        IdError,
        "target id must be an int, a str or a UUID, got None (NoneType)",
    ),
    Row(
        "following a text as several",
        "manager.follow_many_users(2, 'ada')",
        ArgumentError,
        "follow_many_users() takes several ids, got 'ada' (str): for one use follow_user()",
    ),
]
