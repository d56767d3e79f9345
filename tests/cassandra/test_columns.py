"""Columns that a feed declares: written from activities, selected by plain CQL, and added to tables that are there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from streamfw_cassandra.storage import CassandraStorage
from streamfw_core.errors import EncodeError, FeedConflict

from streamfw_core import Activity, AggregatedFeed, FanoutPriority, Feed, Love, Manager, Streams, UserBaseFeed
from tests.cassandra.feeds import administering, options_on
from tests.services.cassandra import Cassandra

COLUMNS = {"color": "text", "likes": "int", "tags": "set<text>"}
RED = {"color": "red", "likes": 3, "tags": {"a", "b"}}


class PinFeed(Feed):
    name = "pins"
    activities = None
    columns: ClassVar = COLUMNS


class LinkFeed(Feed):
    name = "links"
    columns: ClassVar = COLUMNS


class BoardFeed(AggregatedFeed):
    name = "boards"
    columns: ClassVar = COLUMNS


class OwnFeed(UserBaseFeed):
    name = "own"


class PinManager(Manager):
    feed_classes: ClassVar = {"pins": PinFeed, "links": LinkFeed, "boards": BoardFeed}
    user_feed_class = OwnFeed

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, list[int]]:
        return {FanoutPriority.HIGH: [2, 3]}


FOLLOWERS = [PinFeed, LinkFeed, BoardFeed]


@pytest.fixture
def streams(shared_cassandra: Cassandra, keyspace: str) -> Iterator[Streams]:
    options = options_on(shared_cassandra, keyspace)
    with Streams({"storages": {"default": {"backend": "cassandra", "options": options}}}) as made:
        made.prepare(OwnFeed, *FOLLOWERS)
        yield made


def selected(streams: Streams, server: Cassandra, feed_class: type[Feed], what: str, owner: str = "2") -> list[Any]:
    """What somebody's own CQL finds."""
    binding = streams.bind(feed_class)
    storage: Any = binding.timelines
    assert isinstance(storage, CassandraStorage)
    table = storage.tables.timeline(binding.spec).path
    with administering(server) as session:
        return [tuple(row) for row in session.execute(f"SELECT {what} FROM {table} WHERE owner = %s", (owner,))]


def activity(number: int, **extra: object) -> Activity:
    return Activity(1, Love, number, time=datetime.now(UTC), extra_context=extra)


@pytest.mark.parametrize("feed_class", FOLLOWERS)
def test_values_are_written_with_the_fan_out(
    streams: Streams, shared_cassandra: Cassandra, feed_class: type[Feed]
) -> None:
    manager = PinManager(streams=streams)
    published = activity(1, **RED)
    manager.add_user_activity(1, published)
    for owner in ("2", "3"):
        found = selected(streams, shared_cassandra, feed_class, '"color", "likes", "tags"', owner)
        assert ("red", 3, {"a", "b"}) in found
    shown = feed_class(2, streams=streams)[:1]
    assert published in (shown if feed_class is not BoardFeed else shown[0].activities)
    manager.remove_user_activity(1, published)
    assert ("red", 3, {"a", "b"}) not in selected(streams, shared_cassandra, feed_class, '"color", "likes", "tags"')


@pytest.mark.parametrize("feed_class", FOLLOWERS)
def test_an_update_writes_the_new_values(streams: Streams, shared_cassandra: Cassandra, feed_class: type[Feed]) -> None:
    manager = PinManager(streams=streams)
    first = activity(2, **RED)
    manager.add_user_activity(1, first)
    changed = Activity(1, Love, 2, time=first.time, extra_context={"color": "blue", "likes": 4})
    manager.update_user_activity(1, changed)
    assert selected(streams, shared_cassandra, feed_class, '"color", "likes"')[0] == ("blue", 4)
    manager.remove_user_activity(1, first)


def test_what_is_missing_is_not_written(streams: Streams, shared_cassandra: Cassandra) -> None:
    feed = PinFeed(7, streams=streams)
    feed.add(activity(3, color="green"))
    [(color, likes, written)] = selected(
        streams, shared_cassandra, PinFeed, '"color", "likes", WRITETIME("likes")', owner="7"
    )
    assert (color, likes, written) == ("green", None, None)


def test_a_value_of_another_type_is_refused_before_anything_is_written(streams: Streams) -> None:
    manager = PinManager(streams=streams)
    with pytest.raises(EncodeError, match="column 'likes' of feed 'pins' is of the type int"):
        manager.add_user_activity(9, Activity(9, Love, 4, extra_context={"likes": "many"}))
    assert not manager.get_user_feed(9)[:5]
    with pytest.raises(EncodeError, match="column 'likes'"):
        PinFeed(9, streams=streams).add(activity(4, likes=2**40))
    assert not PinFeed(9, streams=streams)[:5]


def test_a_column_that_is_declared_later_is_added(shared_cassandra: Cassandra, keyspace: str) -> None:
    class GrowingFeed(Feed):
        name = "growing"
        activities = None

    described = {"storages": {"default": {"backend": "cassandra", "options": options_on(shared_cassandra, keyspace)}}}
    with Streams(described) as before:
        before.prepare(GrowingFeed)
        GrowingFeed(2, streams=before).add(activity(1))

    GrowingFeed.columns = {"color": "text"}
    with Streams(described) as after:
        [steps] = after.plan(GrowingFeed).values()
        assert [step.partition(" ADD ")[2] for step in steps] == ['IF NOT EXISTS "color" text']
        after.prepare(GrowingFeed)
        assert after.plan(GrowingFeed) == {}
        GrowingFeed(2, streams=after).add(activity(2, color="red"))
        assert [color for (color,) in selected(after, shared_cassandra, GrowingFeed, '"color"')] == ["red", None]

    GrowingFeed.columns = {"color": "int"}
    with Streams(described) as conflicting, pytest.raises(FeedConflict, match=r'column "color" .* is of the type text'):
        conflicting.prepare(GrowingFeed)


@pytest.mark.parametrize("name", ["id", "owner", "added", "data", "in_group", "actor", "seen", "read"])
def test_columns_that_are_there_already_are_refused(shared_cassandra: Cassandra, keyspace: str, name: str) -> None:
    class ClashingFeed(Feed):
        columns: ClassVar = {name: "text"}

    described = {"storages": {"default": {"backend": "cassandra", "options": options_on(shared_cassandra, keyspace)}}}
    with Streams(described) as streams, pytest.raises(FeedConflict, match="which are there already"):
        streams.prepare(ClashingFeed)
