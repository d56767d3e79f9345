"""Groups, feeds, feed classes and kinds of feeds stay apart, whatever their keys."""

from __future__ import annotations

from streamfw_core.ids import encode_owner
from streamfw_core.storage.protocol import Removal, Scope, Write
from streamfw_core.testing.groups.case import GroupCase, at
from streamfw_core.testing.promises import promise, same
from streamfw_core.testing.storages.isolation import HOSTILE_OWNERS

__all__ = ["HOSTILE_KEYS", "GroupIsolationContract"]

HOSTILE_KEYS = (
    "", " ", "a", "A", "a ", " a", "a:b", "a:", "a/b", "../a", "a%3Ab", "%", "%s", "{a}", "*", "?", "[a]", "1", "01", "1.0",
    "a\0", "a\0b", "\0", "a\nb", "\r\n", "\t", "'; DROP TABLE groups; --", '"', "\\", "é", "e\u0301", "ß", "ss", "😀",
    "\u202e", "\ufeff", "null", "None", "\x1f", "\x7f", "x" * 10_000, "x" * 10_000 + "y",
)  # fmt: skip
"""Keys that a storage may take for one another, or for something else. An aggregator may return any text."""


class GroupIsolationContract(GroupCase):
    """What one group or feed gets, no other shows."""

    @promise("C26", "C24")
    def test_groups_stay_apart_whatever_their_keys(self) -> None:
        spec, keys = self.grouped(), HOSTILE_KEYS
        for number, key in enumerate(keys):
            self.join(spec, "a", self.member(at(number), key, "1"), self.member(at(-1 - number), key, "2"))
        same(self.keys(spec, "a"), [*keys[::-1]], "C26", f"{len(keys)} groups with odd keys")
        found = self.groups.get_groups(spec, "a", keys, hydrate=None)
        for number, (key, group) in enumerate(zip(keys, found, strict=True)):
            words = f"the group {key[:40]!r}, beside {len(keys) - 1} others"
            assert group is not None, words
            members = [self.member(at(number), key, "1"), self.member(at(-1 - number), key, "2")]
            self.same_as_recomputed(group, members, words, name="C26")
        same(
            [*self.groups.groups_of(spec, "a", [at(n) for n in range(len(keys))])],
            [*keys],
            "C26",
            "their members' groups",
        )

    @promise("C26", "C17")
    def test_marking_and_removing_concern_one_group_whatever_its_key(self) -> None:
        spec, keys = self.grouped(), HOSTILE_KEYS
        self.join(spec, "a", *(self.member(at(number), key) for number, key in enumerate(keys)))
        for number, key in enumerate(keys[:-1]):
            same(self.mark(spec, "a", [key]), [key], "C26", f"what marking the group {key[:40]!r} changes")
            same(self.unmarked(spec, "a")[0], len(keys) - number - 1, "C26", f"unseen after marking {key[:40]!r}")
        for number, key in enumerate(keys[:-1]):
            self.leave(spec, "a", [at(number)], group=key)
            same(self.keys(spec, "a"), [*keys[:number:-1]], "C26", f"the groups after {key[:40]!r} was emptied")

    @promise("C26")
    def test_owners_stay_apart_whatever_their_ids(self) -> None:
        spec, owners = self.grouped(), [encode_owner(owner) for owner in HOSTILE_OWNERS]
        for number, owner in enumerate(owners):
            self.join(spec, owner, self.member(at(number)))
        self.mark(spec, owners[1])
        self.clear(spec, owners[0], keep=0, stamp=2)
        self.leave(spec, owners[2], [at(number) for number in range(len(owners))])
        for number, owner in enumerate(owners):
            expected = [] if number in (0, 2) else [at(number)]
            same(
                self.held(spec, owner), expected, "C26", f"the group of owner {owner[:40]!r} after others were emptied"
            )
            unseen = 0 if number in (0, 1, 2) else 1
            same(
                self.unmarked(spec, owner)[0], unseen, "C26", f"unseen of owner {owner[:40]!r} after another marked all"
            )

    @promise("C26")
    def test_feed_classes_stay_apart_whatever_their_kinds(self) -> None:
        base = self.grouped()
        prefix = base.namespace.removesuffix("%(user_id)s")
        grouped = [
            base,
            *(
                self.grouped(key_format=f"{prefix}{rest}")
                for rest in ("x:%(user_id)s", "%(user_id)s:x", "X:%(user_id)s")
            ),
            self.grouped(key_format=f"{prefix}*:%(user_id)s"),
            self.grouped(kind="aggregated"),
        ]
        flat = self.spec(key_format=f"{prefix}flat:%(user_id)s")
        for number, spec in enumerate(grouped):
            self.join(spec, "a", self.member(at(number)))
        self.put(flat, "a", [at(99)])
        self.storage.remember(grouped[1], removes=[Removal(at(98), self.stamp(5))])
        for number, spec in enumerate(grouped):
            same(self.held(spec, "a"), [at(number)], "C26", f"the feed of key_format {spec.namespace!r}, beside others")
            self.join(spec, "b", self.member(at(98)))
            same(
                self.held(spec, "b"), [] if number == 1 else [at(98)], "C26", "what is remembered of another feed class"
            )
        same(self.ids(flat, "a"), [at(99)], "C26", "a flat feed beside grouped ones")

    @promise("C26")
    def test_flushing_deletes_one_feed_class_and_nothing_else(self) -> None:
        spec = self.grouped()
        prefix = spec.namespace.removesuffix("%(user_id)s")
        neighbours = [self.grouped(), self.grouped(key_format=f"{prefix}x:%(user_id)s")]
        for each in (spec, *neighbours):
            self.write(each, Write(["a", "b"], puts=[self.member(at(1)), self.member(at(2), "h")]))
            self.mark(each, "a", ["g"])
            self.leave(each, "b", [at(2)], stamp=5)
        self.storage.flush(spec.namespace)
        same(
            [self.stats(spec, owner)[:] for owner in "ab"],
            [(0, 0, 0)] * 2,
            "C26",
            "feeds after their class was flushed",
        )
        for each in neighbours:
            same(
                [self.stats(each, owner)[:] for owner in "ab"], [(2, 1, 2), (1, 1, 1)], "C26", "feeds of another class"
            )
        self.write(spec, Write(["a", "b"], puts=[self.member(at(1)), self.member(at(2), "h")]))
        same([self.stats(spec, owner)[:] for owner in "ab"], [(2, 2, 2)] * 2, "C26", "feeds written after a flush")

    @promise("C26")
    def test_instances_share_groups_as_their_scope_says(self) -> None:
        spec = self.grouped()
        self.join(spec, "a", self.member(at(1)))
        self.mark(spec, "a")
        other = self.open("other")
        other.prepare([spec])
        self.storage = other
        seen = (self.held(spec, "a"), self.stats(spec, "a")[:])
        shared = other.capabilities.scope is Scope.SHARED
        same(seen, ([at(1)], (1, 0, 1)) if shared else ([], (0, 0, 0)), "C26", "what another instance sees of a group")
