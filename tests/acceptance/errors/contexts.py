"""What cannot be stored in `extra_context`."""

from __future__ import annotations

from streamfw_core.errors import EncodeError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "an object in it",
        "publish(Activity(1, Love, 1, extra_context={'book': {'first': Node()}}))",
        EncodeError,
        "extra_context['book']['first'] is of the type tests.acceptance.errors.vocabulary.Node, "
        "which cannot be stored: store its id, or a dict of plain values",
    ),
    Row(
        "a number as key",
        "publish(Activity(1, Love, 1, extra_context={5: 'five'}))",
        EncodeError,
        "a key of extra_context is of the type int: use text, or put a dict inside, whose keys may "
        "be anything hashable",
    ),
    Row(
        "a member of an enum",
        "publish(Activity(1, Love, 1, extra_context={'tags': ['a', FanoutPriority.HIGH]}))",
        EncodeError,
        "extra_context['tags'][1] is a member of the enum "
        "streamfw_core.queues.protocol.FanoutPriority, and would come back as a bare value: store "
        "its value or name",
    ),
    Row(
        "a bytearray",
        "publish(Activity(1, Love, 1, extra_context={'data': bytearray(b'x')}))",
        EncodeError,
        "extra_context['data'] is a bytearray, and would come back as bytes: store bytes(value)",
    ),
    Row(
        "a complex number",
        "publish(Activity(1, Love, 1, extra_context={'z': 1j}))",
        EncodeError,
        "extra_context['z'] is of the type complex, which cannot be stored: store its id, or a dict of plain values",
    ),
    Row(
        "a generator",
        "publish(Activity(1, Love, 1, extra_context={'ids': (n for n in (1, 2))}))",
        EncodeError,
        "extra_context['ids'] is of the type generator, which cannot be stored: store its id, or a "
        "dict of plain values",
    ),
    Row(
        "a list that contains itself",
        "publish(Activity(1, Love, 1, extra_context={'tree': loop()}))",
        EncodeError,
        "extra_context['tree'][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0"
        "][0][0][0][0][0][0][0][0][0]...[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0] "
        "contains itself: store each value once, and ids instead of references",
    ),
    Row(
        "a lone surrogate in a text",
        "publish(Activity(1, Love, 1, extra_context={'title': 'Sunset \\ud83c'}))",
        EncodeError,
        "extra_context['title'] is a text with a lone surrogate at 7, which UTF-8 cannot express: "
        'clean it with value.encode("utf-8", "replace").decode()',
    ),
    Row(
        "a time in a zone without an offset",
        "publish(Activity(1, Love, 1, extra_context={'at': datetime(2026, 1, 1, tzinfo=WithoutOffset())}))",
        EncodeError,
        "extra_context['at'] is a datetime with the tzinfo WithoutOffset, which gives no offset: use "
        "zoneinfo.ZoneInfo or datetime.UTC",
    ),
    Row(
        "one of many activities cannot be stored",
        "feed.add_many([activity, Activity(1, Love, 2, extra_context={'book': Node()})])",
        EncodeError,
        "extra_context['book'] is of the type tests.acceptance.errors.vocabulary.Node, which cannot "
        "be stored: store its id, or a dict of plain values",
    ),
]
