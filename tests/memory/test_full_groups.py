"""Groups of more members than are counted exactly: the oldest are forgotten, and marks still cover what had arrived."""

from __future__ import annotations

from streamfw_core.ids import DIGEST_BITS
from streamfw_core.storage import Entry
from streamfw_core.storage.groups import digest_of_group
from streamfw_memory.groups import Marked, Members

EXACT = 3


def full() -> Members:
    """A group of the members 10, 20 and 30, which arrived first, second and third."""
    members = Members("likes", digest_of_group("likes"))
    for arrival in (1, 2, 3):
        assert members.add(entry(10 * arrival), arrival, EXACT)
    return members


def entry(number: int) -> Entry:
    return Entry(number << DIGEST_BITS, 1, None, "likes", str(number))


def test_one_that_arrives_after_the_mark_is_not_covered_though_another_is_forgotten_for_it() -> None:
    members = full()
    assert members.add(entry(40), 4, EXACT)
    assert not members.covered_by(Marked(arrival=3))
    assert members.covered_by(Marked(arrival=4))
    assert not members.shown(15).exact


def test_one_that_is_forgotten_as_it_arrives_leaves_the_group_covered() -> None:
    members = full()
    members.add(entry(5), 4, EXACT)
    assert [one.id >> DIGEST_BITS for one in members.entries] == [10, 20, 30]
    assert members.covered_by(Marked(arrival=3))


def test_all_members_are_gone_through_only_when_the_newest_arrival_is_forgotten() -> None:
    members, gone_through = full(), []

    class Watched(dict[int, int]):
        def values(self):  # type: ignore[no-untyped-def]
            gone_through.append(len(self))
            return super().values()

    members.arrivals = Watched(members.arrivals)
    for arrival in range(4, 50):
        assert members.add(entry(10 * arrival), arrival, EXACT)
    assert gone_through == []
    assert members.forgotten == 46
    assert members.last_arrival == 49
