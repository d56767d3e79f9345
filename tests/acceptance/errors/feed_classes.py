"""What feed classes say of themselves."""

from __future__ import annotations

from streamfw_core.errors import ArgumentError, FeedConflict, SettingsError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "a length of 0",
        "streams.bind(subclass(Feed, 'ShortFeed', max_length=0))",
        SettingsError,
        "1 problem in the settings:\n"
        "  - feeds.short.max_length: ShortFeed.max_length is 0 (it must be an integer of 1 or more)",
    ),
    Row(
        "a key without the owner",
        "streams.bind(subclass(Feed, 'SharedFeed', key_format='feed'))",
        FeedConflict,
        "SharedFeed.key_format 'feed' has 0 places for the owner and needs exactly one, as in "
        "'feed:normal:%(user_id)s'; without it all users would share one feed",
    ),
    Row(
        "a key that is no text",
        "streams.bind(subclass(Feed, 'SharedFeed', key_format=None))",
        ArgumentError,
        "SharedFeed.key_format must be a text such as 'feed:normal:%(user_id)s', got None (NoneType)",
    ),
    Row(
        "a name that another feed has",
        "streams.bind(subclass(Feed, 'OtherFeed', name='pin'))",
        FeedConflict,
        "shop.OtherFeed and tests.acceptance.errors.world.PinFeed are both named 'pin': set name = "
        "'...' on one of them",
    ),
    Row(
        "a key that another feed has",
        "streams.bind(subclass(Feed, 'OtherFeed', key_format='feed:pin:%(user_id)s'))",
        FeedConflict,
        "shop.OtherFeed and tests.acceptance.errors.world.PinFeed could share a key on storage "
        "'default': key_format 'feed:pin:%(user_id)s' and 'feed:pin:%(user_id)s' meet for some "
        "owners; set key_format on one of them, such as 'feed:other:%(user_id)s'",
    ),
    Row(
        "a storage that there is not",
        "streams.bind(subclass(Feed, 'ColdFeed', timeline='cold'))",
        SettingsError,
        "1 problem in the settings:\n"
        "  - feeds.cold.timeline: there is no storage 'cold', which ColdFeed.timeline names (there "
        "are: default)",
    ),
    Row(
        "an activity class that is none",
        "streams.bind(subclass(Feed, 'DictFeed', activity_class=dict))",
        ArgumentError,
        "DictFeed.activity_class must be Activity or a subclass of it, got <class 'dict'> (type)",
    ),
    Row(
        "a namespace that is no text",
        "streams.bind(subclass(Feed, 'LooseFeed', activity_namespace=5))",
        ArgumentError,
        "LooseFeed.activity_namespace must be a text that can be printed, got 5 (int)",
    ),
    Row(
        "a feed instead of its class",
        "streams.bind(feed)",
        ArgumentError,
        "a subclass of Feed is expected, got PinFeed(2) (PinFeed)",
    ),
    Row(
        "something else than a feed class",
        "streams.bind(dict)",
        ArgumentError,
        "a subclass of Feed is expected, got <class 'dict'> (type)",
    ),
    Row(
        "a name that is no text",
        "streams.bind(subclass(Feed, 'OtherFeed', name=5))",
        ArgumentError,
        "OtherFeed.name must be a text, got 5 (int)",
    ),
]
