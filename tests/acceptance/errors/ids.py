"""Ids of people, things, feed owners and activities."""

from __future__ import annotations

from streamfw_core.errors import IdError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "an actor that is None",
        "publish(Activity(None, Love, 1))",
        IdError,
        "actor must be an int, a str or a UUID, got None (NoneType)",
    ),
    Row(
        "an actor that is a bool",
        "publish(Activity(True, Love, 1))",
        IdError,
        "actor must be an int, a str or a UUID, got True (bool)",
    ),
    Row(
        "an actor that is a float",
        "publish(Activity(1.0, Love, 1))",
        IdError,
        "actor must be an int, a str or a UUID, got 1.0 (float)",
    ),
    Row(
        "an empty text as actor",
        "publish(Activity('', Love, 1))",
        IdError,
        "actor is an empty string: an id has at least one character",
    ),
    Row(
        "bytes as object",
        "publish(Activity(1, Love, b'42'))",
        IdError,
        "object must be an int, a str or a UUID, got b'42' (bytes)",
    ),
    Row(
        "an object that was not saved yet",
        "publish(Activity(1, Love, Book()))",
        IdError,
        "object <Book> has the id None: save it before making an activity of it",
    ),
    Row(
        "an object without an id",
        "publish(Activity(1, Love, Node()))",
        IdError,
        "object must be an int, a str or a UUID, got <Node> (Node)",
    ),
    Row(
        "a class instead of an instance",
        "publish(Activity(Book, Love, 1))",
        IdError,
        "actor must be an int, a str or a UUID, got <class 'tests.acceptance.errors.vocabulary.Book'> (type)",
    ),
    Row(
        "a list as target",
        "publish(Activity(1, Love, 1, target=[1, 2]))",
        IdError,
        "target must be an int, a str or a UUID, got [1, 2] (list)",
    ),
    Row(
        "a lone surrogate in an id",
        "publish(Activity('ada\\ud800', Love, 1))",
        IdError,
        "actor 'ada\\ud800' has a lone surrogate at 3, which UTF-8 cannot express: clean it with "
        'value.encode("utf-8", "replace").decode()',
    ),
    Row(
        "an id of 16,385 bytes",
        "publish(Activity('x' * 16_385, Love, 1))",
        IdError,
        "actor is a text of 16,385 bytes: an id has at most 16,384, so use a digest of it",
    ),
    Row(
        "an id of 9,001 bits",
        "publish(Activity(1 << 9_000, Love, 1))",
        IdError,
        "actor is an integer of 9,001 bits: use one of up to 8,192, a str or a UUID",
    ),
    Row(
        "a feed of nobody",
        "PinFeed(None, streams=streams)",
        IdError,
        "feed owner must be an int, a str or a UUID, got None (NoneType)",
    ),
    Row(
        "a feed of Decimal('1')",
        "PinFeed(Decimal(1), streams=streams).add(activity)",
        IdError,
        "feed owner must be an int, a str or a UUID, got Decimal('1') (Decimal)",
    ),
    Row(
        "a publisher that is a bool",
        "manager.add_user_activity(True, activity)",
        IdError,
        "user id must be an int, a str or a UUID, got True (bool)",
    ),
    Row(
        "an activity id below 0",
        "feed.remove(-1)",
        IdError,
        "an activity id is an integer from 0 to 2**128 - 1, got -1 (int)",
    ),
    Row(
        "an activity id of 2**128",
        "feed.remove(2**128)",
        IdError,
        "an activity id is an integer from 0 to 2**128 - 1, got 340282366920938463463374607431768211456 (int)",
    ),
]
