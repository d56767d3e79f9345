"""Threads and processes: concurrent writers lose nothing, and readers see every group, whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from streamfw_core.storage.groups import group_id
from streamfw_core.storage.protocol import FeedSpec, Query, Removal, Write
from streamfw_core.testing.groups.case import GroupCase, at, members_of
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.running import PROCESSES, THREADS, in_processes, none_failed, only_if_shared

__all__ = ["GroupRunningContract", "together", "watched"]

UPDATES = 60


def together(*works: Callable[[], object]) -> None:
    """Run in threads that begin at the same moment; the first error is raised."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        start.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(run, works))


def watched(look: Callable[[], object], *works: Callable[[], object]) -> int:
    """Run works together while somebody looks again and again; returns how often they did."""
    done, looked = threading.Event(), 0

    def watch() -> None:
        nonlocal looked
        while not done.is_set():
            look()
            looked += 1
            time.sleep(0)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            together(*works)
        finally:
            done.set()
        watching.result()
    return looked


class GroupRunningContract(GroupCase):
    """What groups bear."""

    @promise("C12", "C14")
    def test_threads_that_add_to_one_group_lose_nothing(self) -> None:
        spec, number = self.grouped(), THREADS * 25
        members = [self.member(at(each % 40, each), "g", str(each % 33)) for each in range(number)]

        def work(first: int) -> None:
            for member in members[first::THREADS]:
                self.write(spec, Write(["all", f"own-{first}"], puts=[member]))

        together(*(lambda first=first: work(first) for first in range(THREADS)))
        same(self.keys(spec, "all"), ["g"], "C12", f"the groups that {THREADS} threads made of one key")
        same(self.counts(spec, "all")[0], number, "C12", f"members that {THREADS} threads added to one group")
        self.same_as_recomputed(
            self.group(spec, "all"), members, f"a group to which {THREADS} threads added", name="C12"
        )
        for first in range(THREADS):
            self.same_as_recomputed(
                self.group(spec, f"own-{first}"), members[first::THREADS], "a group of one thread", name="C12"
            )

    @promise("C12", "C6")
    def test_threads_that_add_the_same_count_it_once(self) -> None:
        spec = self.grouped()
        members = [self.member(at(number), f"group {number % 3}", str(number)) for number in range(45)]
        counted: list[int | None] = []

        def work() -> None:
            counted.extend([self.join(spec, "a", member).added for member in members])

        together(*[work] * 6)
        for number in range(3):
            self.same_as_recomputed(
                self.group(spec, "a", f"group {number}"), members[number::3], "a group of six threads", name="C12"
            )
        if self.storage.capabilities.add_counts:
            total = sum(each or 0 for each in counted)
            same(total, 45, "C6", "counts of six threads that added the same, summed up")

    @promise("C12", "C14", "C17")
    def test_threads_that_add_and_remove_leave_what_is_left(self) -> None:
        spec = self.grouped()
        members = [self.member(at(each), f"group {each % 2}", str(each % 13)) for each in range(160)]

        def add(first: int) -> None:
            for member in members[first::4]:
                self.join(spec, "a", member)
                self.join(spec, "a", member)

        def remove(first: int) -> None:
            for member in members[first::8]:
                self.leave(spec, "a", [member.id], group=member.group, stamp=2)

        together(*(lambda n=n: add(n) for n in range(4)), *(lambda n=n: remove(n) for n in (0, 5)))
        gone = {member.id for first in (0, 5) for member in members[first::8]}
        for number in range(2):
            left = [member for member in members[number::2] if member.id not in gone]
            self.same_as_recomputed(
                self.group(spec, "a", f"group {number}"),
                left,
                "a group that threads add to and remove from",
                name="C12",
            )

    @promise("C16")
    def test_readers_see_every_group_once_in_the_middle_of_updates(self) -> None:
        spec, keys = self.grouped(), [f"group {number}" for number in range(5)]
        self.join(spec, "a", *(self.member(at(number), key, "0") for number, key in enumerate(keys)))

        def update(first: int) -> None:
            for step in range(UPDATES):
                key = keys[(first + step) % 5]
                self.join(spec, "a", self.member(at(10 + step, first), key, str(step)))
                # The newest member goes, so that the group moves down again.
                if step % 3 == 0:
                    self.leave(spec, "a", [at(10 + step, first)], group=key)

        def look() -> None:
            for query in (Query("a"), Query("a", oldest_first=True)):
                self._all_there(spec, query, keys)
            found = self.groups.get_groups(spec, "a", keys, hydrate=None)
            check(None not in found, "C16", "a group is not found by its key in the middle of an update")
            same(self.stats(spec, "a").entries, 5, "C16", "how many groups are counted in the middle of an update")
            same(
                [*self.groups.groups_of(spec, "a", [at(0)])],
                keys[:1],
                "C16",
                "a member's group in the middle of an update",
            )

        looked = watched(look, *(lambda first=first: update(first) for first in range(3)))
        check(looked, "C16", "no reader came to read between the updates")

    def _all_there(self, spec: FeedSpec, query: Query, keys: list[str]) -> None:
        groups = self.found(spec, query)
        found = [group.key for group in groups]
        same(sorted(found), keys, "C16", "the groups that a reader sees in the middle of updates")
        ids = [group.id for group in groups]
        same(ids, sorted(ids, reverse=not query.oldest_first), "C16", "the order of groups in the middle of updates")
        for group in groups:
            newest = max(members_of(group), default=0)
            same(group.id, group_id(newest, group.key), "C16", "a group's id, and that of the newest member in view")
            check(group.member_count >= len(group.members), "C16", "a group shows more members than it counts")
            check(group.actor_count <= group.member_count, "C16", "a group counts more actors than members")

    @promise("C18", "C19")
    def test_marks_and_adds_at_the_same_time_leave_nothing_unseen_for_good(self) -> None:
        spec = self.grouped()
        keys = [f"group {number}" for number in range(4)]

        def add(first: int) -> None:
            for step in range(UPDATES // 2):
                self.join(spec, "a", self.member(at(step, first), keys[step % 4], str(first)))

        def mark() -> None:
            self.mark(spec, "a", read=True)

        watched(mark, *(lambda first=first: add(first) for first in range(3)))
        groups = self.found(spec, "a")
        flags = (sum(not group.seen for group in groups), sum(not group.read for group in groups))
        same(self.unmarked(spec, "a"), flags, "C18", "unseen and unread after marks and adds at the same time")
        self.mark(spec, "a", read=True)
        same(self.unmarked(spec, "a"), (0, 0), "C19", "unseen and unread after a mark of all that is there")
        for number, key in enumerate(keys):
            self.join(spec, "a", self.member(at(-1 - number), key, "x"))
            same(self.unmarked(spec, "a"), (1, 1), "C19", f"unseen and unread after a member of {key} arrived")
            self.leave(spec, "a", [at(-1 - number)])
            same(self.unmarked(spec, "a"), (0, 0), "C18", f"unseen and unread after that member of {key} left")

    @promise("C12", "C14")
    def test_processes_that_add_to_one_group_lose_nothing(self) -> None:
        only_if_shared(self.storage)
        spec, number = self.grouped(), PROCESSES * 20
        members = [self.member(at(each), "g", str(each % 7)) for each in range(number)]

        def work(first: int) -> None:
            storage = self.make_storage("default")
            for member in members[first::PROCESSES]:
                storage.write(spec, [Write(["a"], puts=[member])])
                storage.write(spec, [Write(["a"], puts=[member])])
            removes = [Removal(member.id, self.stamp(2), "g") for member in members[first :: PROCESSES * 2]]
            storage.write(spec, [Write(["a"], removes=removes)])
            storage.close()

        none_failed(in_processes(work, PROCESSES), "C12", "processes that add to one group")
        gone = {member.id for first in range(PROCESSES) for member in members[first :: PROCESSES * 2]}
        left = [member for member in members if member.id not in gone]
        self.same_as_recomputed(self.group(spec, "a"), left, f"a group of {PROCESSES} processes", name="C12")
