"""Grouped feeds on flat timelines: what others do meanwhile, right before any of the calls that an operation makes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from streamfw_core.storage import Change, Entry, Query, Removal, Storage, Write
from streamfw_core.storage.flat_groups import GroupsOnFlat
from streamfw_core.storage.flat_members import derived
from streamfw_core.storage.groups import GroupStorage

from tests.core.flat_only import (
    ROOMY,
    SPEC,
    Died,
    FlatOnly,
    Interrupted,
    add,
    counts,
    die,
    groups,
    id_of,
    mark,
    member,
    remove,
    unseen,
)
from tests.core.sorted_rows import SortedRows

# --- marks and what happens meanwhile ----------------------------------------------------------------------------


def test_a_member_that_arrives_while_its_group_is_marked_is_not_covered() -> None:
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, member(1), member(2, "h"))
    flat.interrupt(3, lambda: add(storage, member(3)))
    assert set(mark(storage)) == {"g", "h"}
    assert unseen(storage) == {"g"}


def test_two_marks_at_once_lose_nothing() -> None:
    for at in range(6):
        flat = Interrupted()
        storage = GroupsOnFlat(flat)
        add(storage, member(1), member(2, "h"))
        flat.interrupt(at, lambda storage=storage: mark(storage, "h", stamp=101))  # type: ignore[misc]
        mark(storage, "g")
        assert unseen(storage) == set()
        assert {key: group.seen_at for key, group in groups(storage).items()} == {"g": 100, "h": 101}


@pytest.mark.parametrize("at", range(6))
def test_a_member_that_is_removed_and_added_anew_while_it_is_marked_is_not_covered(at: int) -> None:
    """Before the mark looked at the feed it may be: the mark saw the new one then."""
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, member(1), member(2))

    def meanwhile() -> None:
        remove(storage, 1, stamp=2)
        add(storage, member(1, stamp=3))

    flat.interrupt(at, meanwhile)
    mark(storage)
    before_it_looked = at < 3
    assert unseen(storage) == (set() if before_it_looked else {"g"})


@pytest.mark.parametrize("at", range(5))
def test_a_writer_that_dies_while_removing_leaves_no_mark_behind(at: int) -> None:
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, member(1), member(2))
    mark(storage)
    flat.interrupt(at, die)
    try:
        remove(storage, 1, stamp=2)
    except Died:
        remove(storage, 1, stamp=2)
    flat.meanwhile = None
    add(storage, member(1, stamp=3))
    assert unseen(storage) == {"g"}
    assert counts(storage) == {"g": 2}


def test_a_member_that_comes_and_goes_during_a_removal_leaves_no_mark_behind() -> None:
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, member(2))

    def meanwhile() -> None:
        add(storage, member(1))
        mark(storage)

    # Between the look at the feed, in which it is not, and the removal.
    flat.interrupt(1, meanwhile)
    assert remove(storage, 1, stamp=2).removed == 1
    add(storage, member(1, stamp=3))
    assert unseen(storage) == {"g"}


def test_marks_of_what_is_gone_are_swept_up() -> None:
    flat = FlatOnly()
    storage = GroupsOnFlat(flat)
    seen = derived(SPEC, "seen", 1000)
    for number in range(1, 30):
        add(storage, member(number, f"g{number}", stamp=number))
        mark(storage, stamp=number)
    # A member and when its group was marked, of three groups.
    assert flat.stats(seen, [Query("a")])[0].entries == 6
    flat.write(seen, [Write(["a"], puts=[Entry(77, 1)])])
    mark(storage, stamp=90)
    assert flat.stats(seen, [Query("a")])[0].entries == 6
    storage.clear(SPEC, ["a"], keep=0, stamp=99)
    assert flat.stats(seen, [Query("a")])[0].entries == 0


# --- cutting and what happens meanwhile --------------------------------------------------------------------------


def test_a_cut_group_is_gone_for_good_and_begins_anew() -> None:
    flat = FlatOnly()
    storage = GroupsOnFlat(flat)
    add(storage, *(member(number, f"g{number % 4}", stamp=number) for number in range(1, 9)))
    assert counts(storage) == {"g0": 2, "g3": 2, "g2": 2}
    assert flat.stats(derived(SPEC, "members", 1000), [Query("a")])[0].entries == 6, "nothing of it is kept"
    add(storage, member(9, "g1", stamp=9))
    assert counts(storage) == {"g1": 1, "g0": 2, "g3": 2}
    # The declared difference: a redelivery of what was cut stays out, though there is room in its group.
    assert add(storage, member(5, "g1", stamp=5)).added == 0
    assert add(storage, member(5, "g1", stamp=10)).added == 1
    assert counts(storage)["g1"] == 2


def test_what_a_full_feed_has_no_room_for_is_not_new() -> None:
    storage = GroupsOnFlat(FlatOnly())
    add(storage, *(member(number, f"g{number}") for number in range(2, 5)))
    outcome = add(storage, member(1, "g1"), member(5, "g4"))
    assert (outcome.added, dict(outcome.changes)) == (1, {"a": Change([id_of(5)], [])})


@pytest.mark.parametrize("at", range(8))
def test_a_group_that_readers_do_not_see_never_comes_back_when_a_writer_dies(at: int) -> None:
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, *(member(number, f"g{number % 3}", stamp=number) for number in range(1, 7)))
    mark(storage)
    flat.interrupt(at, die)
    try:
        add(storage, member(7, "new"))
        died = False
    except Died:
        died = True
    if "g1" not in counts(storage):
        add(storage, member(8, "g1"))
        assert counts(storage)["g1"] == 1
        assert groups(storage)["g1"].seen_at == 0
    else:
        assert died
        assert counts(storage) == {"g0": 2, "g2": 2, "g1": 2}, "nothing was written"


@pytest.mark.parametrize("at", range(12))
def test_two_writes_to_a_full_feed_end_as_one_after_the_other(at: int) -> None:
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, *(member(number, f"g{number % 3}", stamp=number) for number in range(1, 7)))
    flat.interrupt(at, lambda: add(storage, member(8, "g1", stamp=8)))
    add(storage, member(7, "new", stamp=7))
    if flat.meanwhile is not None:
        flat.meanwhile()
    ours_first = {"g1": 1, "new": 1, "g0": 2}
    theirs_first = {"g1": 3, "new": 1, "g0": 2}
    assert counts(storage) in (ours_first, theirs_first)


@pytest.mark.parametrize("at", range(8))
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("there", [False, True])
def test_an_add_that_is_older_than_a_cut_stays_out_whatever_happens_first(at: int, keep: int, there: bool) -> None:
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, member(3, "cut"), member(10, "kept"))
    if there:
        add(storage, member(1, "old"))
    flat.interrupt(at, lambda: storage.clear(SPEC, ["a"], keep=keep, stamp=5))
    add(storage, member(2, "old", stamp=4))
    if flat.meanwhile is not None:
        flat.meanwhile()
    assert counts(storage) == ({"kept": 1} if keep else {})
    add(storage, member(2, "old", stamp=6))
    assert "old" in counts(storage)


@pytest.mark.parametrize("at", range(8))
def test_an_add_that_is_older_than_an_emptying_stays_out_of_a_group_that_began_anew(at: int) -> None:
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, member(1), member(3))

    def meanwhile() -> None:
        storage.clear(SPEC, ["a"], keep=0, stamp=5)
        add(storage, member(4, stamp=6))

    flat.interrupt(at, meanwhile)
    add(storage, member(2, stamp=4))
    if flat.meanwhile is not None:
        flat.meanwhile()
    assert {key: [one.id for one in group.members] for key, group in groups(storage).items()} == {"g": [id_of(4)]}


@pytest.mark.parametrize("at", range(8))
def test_an_add_that_is_newer_than_a_cut_is_never_lost(at: int) -> None:
    flat = Interrupted()
    storage = GroupsOnFlat(flat)
    add(storage, member(1, "old"), member(10, "kept"))
    flat.interrupt(at, lambda: add(storage, member(2, "old", stamp=6)))
    storage.clear(SPEC, ["a"], keep=1, stamp=5)
    if flat.meanwhile is not None:
        flat.meanwhile()
    assert counts(storage) == {"kept": 1, "old": 1}


def test_cuts_that_say_nothing_more_are_forgotten() -> None:
    flat = FlatOnly()
    storage = GroupsOnFlat(flat)
    for number in range(1, 20):
        add(storage, member(2 * number, "a", stamp=number), member(2 * number + 1, "b", stamp=number))
        storage.clear(SPEC, ["a"], keep=1, stamp=number)
    assert flat.stats(derived(SPEC, "members", 1000), [Query("a")])[0].entries <= 1 + 19 + 1
    storage.clear(SPEC, ["a"], keep=0, stamp=99)
    assert flat.stats(derived(SPEC, "members", 1000), [Query("a")])[0].entries == 1


# --- threads -----------------------------------------------------------------------------------------------------


def run(*works: Callable[[], Any]) -> None:
    errors: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # it is raised below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Everybody:
    """Eight who add the same activities in orders of their own, two who remove every second of them, others who mark and read."""

    def __init__(self, storage: GroupStorage, count: int) -> None:
        self.storage = storage
        self.members = [member(number, f"g{number % 5}", f"actor {number % 7}") for number in range(1, count + 1)]
        self.removed = [one for one in self.members if one.id % 2]
        self.left = [one for one in self.members if not one.id % 2]
        self.working = True

    def work(self) -> None:
        def write() -> None:
            run(*(partial(self.add, seed) for seed in range(8)), self.remove, self.remove)
            self.working = False

        run(write, self.mark, self.read)

    def add(self, seed: int) -> None:
        mine = random.Random(seed).sample(self.members, len(self.members))
        for start in range(0, len(mine), 5):
            add(self.storage, *mine[start : start + 5], spec=ROOMY)

    def remove(self) -> None:
        for one in self.removed:
            self.storage.write(ROOMY, [Write(["a"], removes=[Removal(one.id, 2, one.group)])])

    def mark(self) -> None:
        stamp = 100
        while self.working:
            stamp += 1
            mark(self.storage, stamp=stamp, spec=ROOMY)

    def read(self) -> None:
        """No group is there twice, and none goes that has a member which nobody removes."""
        lasting: set[str] = set()
        while self.working:
            found = self.storage.read_groups(ROOMY, [Query("a")])[0]
            keys = [group.key for group in found]
            assert len(keys) == len({*keys})
            assert lasting <= {*keys}
            lasting |= {group.key for group in found if any(not one.id % 2 for one in group.members)}
            assert all(group.member_count >= len(group.members) > 0 for group in found)

    def expected(self) -> dict[str, tuple[int, int]]:
        by_group: dict[str, list[Entry]] = {}
        for one in self.left:
            by_group.setdefault(str(one.group), []).append(one)
        return {key: (len(of), len({one.actor for one in of})) for key, of in by_group.items()}


@pytest.mark.parametrize(("make", "count"), [(FlatOnly, 400), (SortedRows, 100)])
def test_threads_that_add_remove_mark_and_read_the_same_groups(make: Callable[[], Storage], count: int) -> None:
    flat = make()
    if isinstance(flat, SortedRows):
        flat.attempts = 10_000
    storage = GroupsOnFlat(flat)
    everybody = Everybody(storage, count)
    everybody.work()
    found = {key: (group.member_count, group.actor_count) for key, group in groups(storage, ROOMY).items()}
    assert found == everybody.expected()
    mark(storage, stamp=10_000, spec=ROOMY)
    assert unseen(storage, ROOMY) == set()
    # What was removed and comes anew is not covered, however many marks were under way.
    anew = everybody.removed[0]
    add(storage, anew._replace(stamp=3), spec=ROOMY)
    assert unseen(storage, ROOMY) == {anew.group}


def test_threads_that_fill_a_full_feed_leave_the_newest_groups() -> None:
    storage = GroupsOnFlat(FlatOnly())

    def adding(first: int) -> Callable[[], None]:
        def work() -> None:
            for number in range(first, 200, 4):
                add(storage, member(number, f"g{number}", stamp=number))
                assert len(groups(storage)) <= SPEC.keep

        return work

    run(*map(adding, range(1, 5)))
    add(storage, member(200, "g200", stamp=200))
    assert counts(storage) == {"g200": 1, "g199": 1, "g198": 1}
