"""Whatever is given to whichever call: it works, or an error of ours says what is wrong and nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from streamfw_core.errors import StreamsError

from streamfw_core import Activity, FanoutPriority
from tests.acceptance.errors.world import World


class Silent:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("the database is gone")


class Identified:
    """An object with an id."""

    def __init__(self, id: object) -> None:
        self.id = id


class Indexed:
    """What a number of numpy is like."""

    def __index__(self) -> int:
        return 2


def odd_values() -> Iterator[Any]:
    """Made anew for each call, as one of them is used up."""
    yield from (None, True, 0, -1, 1.5, float("nan"), 10**3_000, 10**6_000, Decimal(1), 1j)
    yield from ("", "a", "\udc80", "a\0b", "x" * 20_000, b"1", b"\xff", bytearray(b"1"))
    yield from ([], [None], [[]], (), {}, {1: 2}, {"a": object()}, set(), {1}, range(3))
    yield from ((n for n in (1, 2)), lambda: 1, Activity, int, object(), ..., FanoutPriority.HIGH)
    yield from (Silent(), Indexed(), Identified(None), Identified(1.5), Identified(Identified(3)), Identified([]))
    yield from (datetime(1, 1, 1), datetime(9999, 12, 31, tzinfo=UTC))  # noqa: DTZ001 - a naive one is odd too


CALLS = """
publish(Activity(odd, Love, 1))
publish(Activity(1, odd, 1))
publish(Activity(1, Love, odd))
publish(Activity(1, Love, 1, odd))
publish(Activity(1, Love, 1, time=odd))
publish(Activity(1, Love, 1, extra_context=odd))
publish(Activity(1, Love, 1, extra_context={"a": odd}))
publish(odd)
activity.actor = odd
activity.extra_context = odd
register(odd)
register(subclass(Verb, "Pin", id=odd, infinitive="pin", past_tense="pinned"))
register(subclass(Verb, "Pin", id=8_901, infinitive=odd, past_tense="pinned"))
PinFeed(odd, streams=streams).add(activity)
PinFeed(1, streams=odd or 0)
feed.add(odd)
feed.add_many(odd)
feed.add_many([activity, odd])
feed.remove(odd)
feed.remove_many(odd)
feed.index_of(odd)
odd in feed
feed[odd]
feed[odd:]
feed[:odd]
feed[::odd]
feed.page(odd)
feed.page(after=odd)
feed.trim(odd)
feed.order_by(odd)
feed.filter(activity_id__gt=odd)[:]
PinFeed.insert_activity(odd, streams=streams)
PinFeed.remove_activity(odd, streams=streams)
manager.add_user_activity(odd, activity)
manager.remove_user_activity(1, odd)
manager.remove_user_activity(odd, activity)
manager.update_user_activity(1, odd)
manager.update_user_activities(1, odd)
manager.batch_import(1, odd)
manager.batch_import(1, [activity], chunk_size=odd)
manager.follow_user(odd, 1)
manager.follow_user(1, odd)
manager.follow_many_users(1, odd)
manager.unfollow_many_users(1, odd)
manager.get_feeds(odd)
fan_out(odd)
fan_out({FanoutPriority.HIGH: odd})
fan_out({FanoutPriority.HIGH: [odd]})
PinManager(streams=odd or 0).add_user_activity(1, activity)
PinManager(streams=streams, name=odd).add_user_activity(1, activity)
subclass(PinManager, "OddManager", fanout_chunk_size=odd)(streams=streams).add_user_activity(1, activity)
subclass(PinManager, "OddManager", follow_activity_limit=odd)(streams=streams).follow_user(1, 2)
subclass(PinManager, "OddManager", feed_classes=odd)(streams=streams).add_user_activity(1, activity)
subclass(PinManager, "OddManager", feed_classes={"odd": odd})(streams=streams).add_user_activity(1, activity)
subclass(PinManager, "OddManager", user_feed_class=odd)(streams=streams).add_user_activity(1, activity)
subclass(Feed, "OddFeed", name=odd)(1, streams=streams).add(activity)
subclass(Feed, "OddFeed", key_format=odd)(1, streams=streams).add(activity)
subclass(Feed, "OddFeed", max_length=odd)(1, streams=streams).add(activity)
subclass(Feed, "OddFeed", timeline=odd)(1, streams=streams).add(activity)
subclass(Feed, "OddFeed", activities=odd)(1, streams=streams).add(activity)
subclass(Feed, "OddFeed", activity_namespace=odd)(1, streams=streams).add(activity)
subclass(Feed, "OddFeed", activity_class=odd)(1, streams=streams).add(activity)
subclass(Feed, "OddFeed", serializer=odd)(1, streams=streams).add(activity)
streams.bind(odd)
streams.prepare(odd)
streams.storage(odd)
streams.manager(odd)
streams.execute(odd)
Streams(odd)
Streams({"storages": odd})
Streams({"storages": {"default": odd}}).storage("default")
Streams({"storages": {"default": {"backend": odd}}}).storage("default")
Streams({"storages": {"default": {"backend": "memory", "options": odd}}}).storage("default")
Streams({"storages": {"default": {"backend": "memory", "options": {"tombstone_ttl": odd}}}}).storage("default")
Streams({"feeds": {"pin": odd}})
Streams({"feeds": {"pin": {"max_length": odd, "serializer": odd, "timeline": odd, "time_zone": odd}}})
Streams({"managers": {"pins": odd}})
Streams({"task_queue": odd}).queue
Streams({"task_queue": {"backend": "threads", "options": {"workers": odd}}}).queue
Streams({"task_queue": {"backend": "inline", "options": {"pause": odd}}}).queue
Streams({"metrics": odd}).metrics
Streams({"default_storage": odd, "tombstone_ttl": odd})
""".strip().splitlines()


@pytest.mark.parametrize("call", CALLS)
def test_it_works_or_an_error_of_ours_is_raised_before_anything_is_written(call: str, world: World) -> None:
    code = compile(call, call, "exec")
    for odd in odd_values():
        here = World()
        before = here.state()
        refusal = None
        try:
            exec(code, {**here.names, "odd": odd})
        except StreamsError as error:
            refusal = error
        if refusal is not None:
            assert str(refusal)
            # Of values of other types messages quote no more than the beginning.
            assert isinstance(odd, str) or len(str(refusal)) < 1_000
            assert here.state() == before, (type(odd), refusal)


class BrokenId:
    """An object of somebody's whose id cannot be read."""

    @property
    def id(self) -> int:
        raise RuntimeError("the database is gone")


def test_an_error_of_the_object_itself_is_passed_on(world: World) -> None:
    before = world.state()
    with pytest.raises(RuntimeError, match="the database is gone"):
        exec("publish(Activity(broken, Love, 1))", {**world.names, "broken": BrokenId()})
    assert world.state() == before
