"""Feeds, feed classes, namespaces and instances stay apart."""

from __future__ import annotations

from streamfw_core.ids import encode_owner
from streamfw_core.storage.protocol import Record, Removal, Scope, Write
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import MILLISECOND, StorageCase, tied

__all__ = ["HOSTILE_OWNERS", "IsolationContract"]

HOSTILE_OWNERS = (
    "1", "11", "a", "A", "a:b", "a:", ":a", "a/b", "../a", "a%3Ab", "%", "%(user_id)s", "{user_id}", "{a}", "*", "?", "[a]",
    "a b", " a", "a\0b", "a\nb", "'; DROP TABLE feeds; --", '"', "\\", "$(id)", "é", "e\u0301", "\u202e", "😀", "K", "-", "~",
    "0", "00", "-1", "1.0", "None", "x" * 600,
)  # fmt: skip


class IsolationContract(StorageCase):
    """What one feed gets, no other shows."""

    @promise("C26")
    def test_owners_stay_apart_whatever_their_ids(self) -> None:
        spec = self.spec()
        owners = [encode_owner(owner) for owner in HOSTILE_OWNERS]
        for number, owner in enumerate(owners):
            self.put(spec, owner, [MILLISECOND + number])
        for number, owner in enumerate(owners):
            words = f"the feed of owner {owner[:40]!r}, beside {len(owners) - 1} others"
            same(self.ids(spec, owner), [MILLISECOND + number], "C26", words)
        self.clear(spec, owners[0], keep=0, stamp=2)
        self.remove(spec, owners[2], [MILLISECOND + number for number in range(len(owners))])
        for number, owner in enumerate(owners):
            expected = [] if number in (0, 2) else [MILLISECOND + number]
            same(self.ids(spec, owner), expected, "C26", f"the feed of owner {owner[:40]!r} after another was emptied")

    @promise("C26")
    def test_a_batch_gives_each_feed_only_its_own(self) -> None:
        spec, ids = self.spec(), tied(3)
        self.write(spec, Write(["a", "b"], puts=[self.entry(ids[0])]), Write(["b", "c"], puts=[self.entry(ids[1])]))
        self.put(spec, "a", [ids[2]])
        found = [self.ids(spec, owner) for owner in "abc"]
        same(found, [[ids[2], ids[0]], [ids[1], ids[0]], [ids[1]]], "C26", "three feeds after overlapping batches")

    @promise("C26")
    def test_feed_classes_stay_apart(self) -> None:
        base = self.spec()
        prefix = base.namespace.removesuffix("%(user_id)s")
        specs = [
            base,
            *(self.spec(key_format=f"{prefix}{rest}") for rest in ("x:%(user_id)s", "%(user_id)s:x", "X:%(user_id)s")),
            self.spec(key_format=f"x{prefix}%(user_id)s"),
            self.spec(key_format=f"{prefix}*:%(user_id)s"),
        ]
        ids = tied(len(specs))
        for spec, id in zip(specs, ids, strict=True):
            self.put(spec, "a", [id])
        for spec, id in zip(specs, ids, strict=True):
            same(
                self.ids(spec, "a"),
                [id],
                "C26",
                f"the feed of key_format {spec.namespace!r}, beside {len(specs) - 1} others",
            )

    @promise("C26")
    def test_what_is_remembered_concerns_one_feed_class(self) -> None:
        one, other, id = self.spec(inline=True), self.spec(inline=True), MILLISECOND
        self.storage.remember(one, removes=[Removal(id, self.stamp(5))], updates=[self.entry(id + 1, 5, b"updated")])
        self.put(other, "a", [id, id + 1], stamp=1, payload=b"x")
        same(
            self.ids(other, "a"),
            [id + 1, id],
            "C26",
            "a feed of another class than the one whose removal is remembered",
        )
        same(
            self.payload(other, "a", id + 1),
            b"x",
            "C26",
            "a payload of another class than the one whose update is remembered",
        )

    @promise("C26")
    def test_namespaces_of_records_stay_apart(self) -> None:
        one = self.namespace()
        names = [one, self.namespace(), f"{one}:", f"{one}1", f"{one}*", one.upper()]
        self._namespaces += names[2:]
        for number, name in enumerate(names):
            self.storage.store(name, [Record(MILLISECOND, self.stamp(number), b"%d" % number)])
        for number, name in enumerate(names):
            record = self.storage.load(name, [MILLISECOND])[0]
            same(record and record.payload, b"%d" % number, "C26", f"a record in namespace {name!r}")

    @promise("C26")
    def test_flushing_deletes_one_namespace_and_nothing_else(self) -> None:
        spec, namespace = self.spec(), self.namespace()
        prefix = spec.namespace.removesuffix("%(user_id)s")
        starred = self.spec(key_format=f"{prefix}*:%(user_id)s")
        neighbours = [
            self.spec(),
            self.spec(key_format=f"{prefix}x:%(user_id)s"),
            self.spec(key_format=f"x{prefix}%(user_id)s"),
        ]
        records = [namespace, f"{namespace}:x", f"x{namespace}"]
        self._namespaces += records[1:]
        for each in (spec, starred, *neighbours):
            self.put(each, "a", [MILLISECOND])
        for name in records:
            self.storage.store(name, [Record(MILLISECOND, self.stamp(1), b"x")])
        self.storage.flush(starred.namespace)
        same(self.ids(starred, "a"), [], "C26", "a feed after its namespace was flushed")
        same(self.ids(spec, "a"), [MILLISECOND], "C26", "a feed after a namespace with a star was flushed")
        self.storage.flush(spec.namespace)
        self.storage.flush(namespace)
        same(self.ids(spec, "a"), [], "C26", "a feed after its namespace was flushed")
        same([*self.storage.load(namespace, [MILLISECOND])], [None], "C26", "a record after its namespace was flushed")
        for each in neighbours:
            same(self.ids(each, "a"), [MILLISECOND], "C26", "a feed of another namespace after a flush")
        for name in records[1:]:
            check(
                self.storage.load(name, [MILLISECOND])[0],
                "C26",
                f"a flush of {namespace!r} deleted a record in {name!r}",
            )

    @promise("C26")
    def test_feeds_work_after_a_flush(self) -> None:
        spec, namespace, ids = self.spec(), self.namespace(), tied(2)
        self.put(spec, "a", ids)
        self.storage.store(namespace, [Record(ids[0], self.stamp(1), b"x")])
        self.storage.flush(spec.namespace)
        self.storage.flush(namespace)
        self.put(spec, "a", ids[:1], stamp=3)
        self.storage.store(namespace, [Record(ids[1], self.stamp(3), b"y")])
        same(self.ids(spec, "a"), ids[:1], "C26", "a feed written after a flush")
        found = [record and record.payload for record in self.storage.load(namespace, ids)]
        same(found, [None, b"y"], "C26", "records stored after a flush")

    @promise("C26")
    def test_instances_share_what_their_scope_says(self) -> None:
        spec, namespace, id = self.spec(), self.namespace(), MILLISECOND
        self.put(spec, "a", [id])
        self.storage.store(namespace, [Record(id, self.stamp(1), b"x")])
        other = self.open("other")
        other.prepare([spec])
        seen = (self.ids(spec, "a", other), [record and record.payload for record in other.load(namespace, [id])])
        if self.storage.capabilities.scope is Scope.SHARED:
            same(seen, ([id], [b"x"]), "C26", "what another instance sees of a shared storage")
        else:
            same(seen, ([], [None]), "C26", "what another instance sees of a storage that is not shared")
