"""`version` and `swap`: a write that happens only if nobody else wrote meanwhile (capability `cas`)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamfw_core.storage.protocol import Removal, Write
from streamfw_core.testing.groups.case import GroupCase, at
from streamfw_core.testing.groups.running import together
from streamfw_core.testing.promises import check, promise, same

__all__ = ["GroupSwappingContract"]


class GroupSwappingContract(GroupCase):
    """What `swap` does and refuses."""

    @promise("C12")
    def test_a_swap_happens_only_if_nobody_wrote_meanwhile(self) -> None:
        self._only_if_declared()
        spec, groups = self.grouped(), self.groups
        version = groups.version(spec, "a")
        check(
            groups.swap(spec, "a", version, self._write(1)), "C12", "a swap in a feed that was never written is refused"
        )
        check(not groups.swap(spec, "a", version, self._write(2)), "C12", "two swaps at one version are both accepted")
        same(self.held(spec, "a"), [at(1)], "C12", "a group after two swaps at one version")
        version = groups.version(spec, "a")
        check(
            groups.swap(spec, "a", version, self._write(3, removes=[1])),
            "C12",
            "a swap at the present version is refused",
        )
        same(self.held(spec, "a"), [at(3)], "C12", "a group after a swap that adds and removes")
        same(self.unmarked(spec, "a"), (1, 1), "C18", "its unseen and unread")

    @promise("C12")
    def test_every_write_changes_the_version(self) -> None:
        self._only_if_declared()
        spec, groups = self.grouped(), self.groups
        self.join(spec, "a", self.member(at(0)), self.member(at(1), "h"))
        steps: dict[str, Callable[[], object]] = {
            "an add": lambda: self.join(spec, "a", self.member(at(5))),
            "an add of another feed beside it": lambda: self.write(spec, Write(["b", "a"], puts=[self.member(at(6))])),
            "a removal": lambda: self.leave(spec, "a", [at(5)]),
            "a mark": lambda: self.mark(spec, "a", ["h"]),
            "a trim": lambda: self.clear(spec, "a", keep=1, stamp=5),
            "a swap": lambda: groups.swap(spec, "a", groups.version(spec, "a"), self._write(9)),
        }
        seen = {groups.version(spec, "a")}
        for words, step in steps.items():
            stale = groups.version(spec, "a")
            same(groups.version(spec, "a"), stale, "C4", "the version, read twice")
            step()
            version = groups.version(spec, "a")
            check(version not in seen, "C12", f"after {words} the version of a feed is {version}, as it was before")
            check(
                not groups.swap(spec, "a", stale, self._write(7)),
                "C12",
                f"a swap at the version before {words} is accepted",
            )
            seen.add(version)
        same([*groups.groups_of(spec, "a", [at(7)])], [None], "C12", "what swaps at an old version brought")

    @promise("C26")
    def test_versions_are_each_feed_s_own(self) -> None:
        self._only_if_declared()
        one, other, groups = self.grouped(), self.grouped(), self.groups
        for spec in (one, other):
            self.write(spec, Write(["a", "b"], puts=[self.member(at(1))]))
        version = groups.version(one, "a")
        self.join(one, "b", self.member(at(2)))
        self.join(other, "a", self.member(at(2)))
        check(groups.swap(one, "a", version, self._write(3)), "C26", "a swap is refused since another feed was written")
        same(self.held(one, "a"), [at(3), at(1)], "C26", "the feed of the swap")

    @promise("C9", "C7")
    def test_a_swap_obeys_removals_and_the_cap_as_a_write_does(self) -> None:
        self._only_if_declared()
        spec, groups = self.grouped(keep=2), self.groups
        self.leave(spec, "a", [at(1)], stamp=5)
        self.join(spec, "a", self.member(at(3), "three"), self.member(at(4), "four"))
        groups.swap(spec, "a", groups.version(spec, "a"), self._write(1))
        same(self.keys(spec, "a"), ["four", "three"], "C9", "a feed after a swap that adds what was removed later")
        groups.swap(spec, "a", groups.version(spec, "a"), Write(["a"], puts=[self.member(at(5), "five")]))
        same(self.keys(spec, "a"), ["five", "four"], "C7", "a full feed after a swap")

    @promise("C12", "C14")
    def test_threads_that_swap_lose_nothing(self) -> None:
        self._only_if_declared()
        spec, groups, number = self.grouped(), self.groups, 15
        self.join(spec, "a", self.member(at(0)))

        def work(thread: int) -> None:
            # Each adds one to what it read, as a counter that no lock protects.
            for _ in range(number):
                while True:
                    version = groups.version(spec, "a")
                    newest = self.group(spec, "a").members[0].id
                    write = Write(["a"], puts=[self.member(newest + 1, "g", str(thread))])
                    if groups.swap(spec, "a", version, write):
                        break

        together(*(lambda thread=thread: work(thread) for thread in range(4)))
        same(self.counts(spec, "a")[0], 4 * number + 1, "C12", "members of four threads that swap")

    def _write(self, number: int, removes: list[int] | None = None) -> Write:
        gone = [Removal(at(each), self.stamp(2), "g") for each in removes or ()]
        return Write(["a"], puts=[self.member(at(number))], removes=gone)

    def _only_if_declared(self) -> None:
        if not self.storage.capabilities.cas:
            pytest.skip("there is no swap (the capability cas is not declared)")
