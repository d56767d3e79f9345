"""`streamfw demo`: a small social network, from the first activity to the last page of a feed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import click

from streamfw_core.activity import Activity
from streamfw_core.cli.application import borrowed, make_streams, queue_option, storage_option
from streamfw_core.cli.deliveries import deliveries_of
from streamfw_core.cli.narration import JsonNarrator, Narrator, ScreenNarrator
from streamfw_core.cli.output import console, print_json
from streamfw_core.cli.world import Happening, Person, World, make_world
from streamfw_core.feeds import Feed, UserBaseFeed
from streamfw_core.ids import Id
from streamfw_core.manager import FanoutPriority, Manager
from streamfw_core.settings.masking import mask_text
from streamfw_core.streams import Streams
from streamfw_core.verbs import Comment, Love, Verb, register

__all__ = ["demo"]

PAGE_SIZE = 5
MOST_PEOPLE = 2000


class Pin(Verb):
    id = 9001  # An id that no application is likely to have: the settings may import one.
    infinitive = "pin"
    past_tense = "pinned"


_VERBS: Mapping[str, type[Verb]] = {"pin": Pin, "love": Love, "comment": Comment}


class HomeFeed(Feed):
    """What those did whom somebody follows."""

    name = "demo_home"
    key_format = "streamfw:demo:home:%(user_id)s"
    activity_namespace = "streamfw:demo:activities"


class OwnFeed(UserBaseFeed):
    """What somebody did."""

    name = "demo_own"
    key_format = "streamfw:demo:own:%(user_id)s"
    activity_namespace = "streamfw:demo:activities"


class DemoManager(Manager):
    """Knows who follows whom; a real program asks its database."""

    name = "streamfw_demo"
    feed_classes: ClassVar[Mapping[str, type[Feed]]] = {"home": HomeFeed}
    user_feed_class = OwnFeed

    def __init__(self, world: World, *, streams: Streams) -> None:
        super().__init__(streams=streams)
        self.followers: dict[int, set[int]] = {id: set() for id in world.people}
        for follower, followed in world.followed.items():
            for person in followed:
                self.followers[person.id].add(follower)

    def get_user_follower_ids(self, user_id: Any) -> Mapping[FanoutPriority, Iterable[Id]]:
        return {FanoutPriority.HIGH: sorted(self.followers[user_id])}


@click.command(short_help="Show a small social network at work; start here.")
@click.option("--seed", type=int, default=7, show_default=True, help="Makes up another world.")
@click.option(
    "--people", type=click.IntRange(4, MOST_PEOPLE), default=12, show_default=True, help="How many live in it."
)
@storage_option
@queue_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document of all that happens.")
def demo(seed: int, people: int, storage: str, queue: str, as_json: bool) -> None:
    """Show a small social network at work: publish, fan out, follow, unfollow, remove and page.

    Nothing is kept, on whatever storage it runs.
    """
    register(Pin)
    now = datetime.now(UTC)
    world = make_world(seed, people)
    with make_streams(storage, queue) as streams, borrowed(streams, HomeFeed, OwnFeed):
        narrator: Narrator = JsonNarrator(world) if as_json else ScreenNarrator(world, console(), now)
        _Demo(world, streams, narrator, now).run(f"storage {mask_text(storage)}, queue {queue}")
    if isinstance(narrator, JsonNarrator):
        print_json({"seed": seed, "storage": mask_text(storage), "queue": queue, **narrator.document})


class _Demo:
    """The story. One reader is followed through it, and the star that most people follow."""

    def __init__(self, world: World, streams: Streams, narrator: Narrator, now: datetime) -> None:
        self.world = world
        self.streams = streams
        self.manager = DemoManager(world, streams=streams)
        self.tell = narrator
        self.now = now
        self.reads = 0
        by_followers = sorted(world.people.values(), key=lambda one: (-len(self.manager.followers[one.id]), one.id))
        self.star = by_followers[0]
        strangers = [one for one in by_followers[1:] if one.id not in self.manager.followers[self.star.id]]
        self.reader = strangers[-1] if strangers else by_followers[-1]

    def run(self, where: str) -> None:
        started = time.perf_counter()
        self._introduce(where)
        activities = [self._activity(happening) for happening in self.world.happenings]
        self._publish(activities)
        if self.reader.id in self.manager.followers[self.star.id]:
            self._unfollow(self.star)
        self._follow()
        self._unfollow(self._least_needed())
        self._remove()
        self._page()
        counts = deliveries_of(self.streams).counts
        self.tell.summary(
            {
                "people": len(self.world.people),
                "follows": sum(map(len, self.manager.followers.values())),
                "activities": len(activities),
                "deliveries": counts["add"],
                "deliveries taken back": counts["remove"],
                "feed reads": self.reads,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    def _introduce(self, where: str) -> None:
        world, star = self.world, self.star
        follows = sum(map(len, world.followed.values()))
        self.tell.step(
            "world",
            "A small world",
            f"{len(world.people)} people, {follows} follows, and {len(world.pins)} things to pin on {len(world.boards)}"
            f" boards. {star.name} has the most followers, {len(self.manager.followers[star.id])}."
            f" Everything happens on {where}.",
        )

    def _activity(self, happening: Happening) -> Activity:
        return Activity(
            actor=happening.actor,
            verb=_VERBS[happening.verb],
            object=happening.pin,
            target=happening.pin.board if happening.verb == "pin" else None,
            time=self.now - timedelta(seconds=happening.seconds_ago),
            extra_context={"text": happening.text} if happening.text else None,
        )

    def _publish(self, activities: Iterable[Activity]) -> None:
        count = 0
        for activity in activities:
            self.manager.add_user_activity(activity.actor_id, activity)
            count += 1
        self.streams.drain()
        self.tell.step(
            "publish",
            "Publishing",
            f"{count} activities: each is stored once, put into the feed of who did it, and fanned out to the followers:"
            f" {deliveries_of(self.streams).added} deliveries.",
            activities=count,
            deliveries=deliveries_of(self.streams).added,
        )
        self._show(self.reader, 8)

    def _follow(self) -> None:
        reader, star = self.reader, self.star
        before = self._home(reader).count()
        self.manager.followers[star.id].add(reader.id)
        self.manager.follow_user(reader.id, star.id)
        self.streams.drain()
        after = self._home(reader).count()
        self.tell.step(
            "follow",
            "Following",
            f"{reader.name} follows {star.name}, and what {star.name} did before is there at once:"
            f" {before} activities become {after}.",
            before=before,
            after=after,
        )
        self._show(reader, 6)

    def _unfollow(self, left: Person) -> None:
        reader = self.reader
        before = self._home(reader).count()
        self.manager.followers[left.id].discard(reader.id)
        self.manager.unfollow_user(reader.id, left.id)
        self.streams.drain()
        after = self._home(reader).count()
        self.tell.step(
            "unfollow",
            "Unfollowing",
            f"{reader.name} has enough of {left.name}: {before} activities become {after}.",
            before=before,
            after=after,
        )

    def _least_needed(self) -> Person:
        """Somebody whom the reader follows, but not the star; whoever did most."""
        followed = [one for one in self.world.followed[self.reader.id] if one is not self.star]
        return max(followed, key=lambda one: self.manager.get_user_feed(one.id).count())

    def _remove(self) -> None:
        star = self.star
        activity = self.manager.get_user_feed(star.id)[0]
        before = self._showing(activity)
        self.manager.remove_user_activity(star.id, activity)
        self.streams.drain()
        after = self._showing(activity)
        self.tell.step(
            "remove",
            "Removing",
            f"{star.name} takes the newest one back ({self.tell.sentence(activity)}):"
            f" {before} home feeds showed it, now {after} do.",
            before=before,
            after=after,
        )

    def _showing(self, activity: Activity) -> int:
        """How many home feeds show an activity."""
        return sum(self._home(person).contains(activity) for person in self.world.people.values())

    def _page(self) -> None:
        feed, cursor, sizes = self._home(self.reader), None, []
        while True:
            page = feed.page(PAGE_SIZE, after=cursor)
            self.reads += 1
            sizes.append(len(page))
            cursor = page.next_cursor
            if cursor is None:
                break
        self.tell.step(
            "page",
            "Paging",
            f"{self.reader.name} scrolls to the end, {PAGE_SIZE} at a time and every activity exactly once, whatever"
            f" is added meanwhile: {' + '.join(map(str, sizes))} = {sum(sizes)}.",
            pages=sizes,
        )

    def _home(self, person: Person) -> Feed:
        return self.manager.get_feeds(person.id)["home"]

    def _show(self, person: Person, count: int) -> None:
        feed = self._home(person)
        self.reads += 1
        followed = [one.name for one in self.world.people.values() if person.id in self.manager.followers[one.id]]
        self.tell.feed(person, followed, feed[:count], feed.count())
