"""Records: activities by id, of which the newest version stays."""

from __future__ import annotations

from itertools import permutations

from streamfw_core.ids import MAX_ID
from streamfw_core.storage.protocol import Record
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import MILLISECOND, StorageCase, tied

__all__ = ["RecordsContract"]


class RecordsContract(StorageCase):
    """What `store` and `load` do."""

    def _store(self, namespace: str, id: int, stamp: int, payload: bytes | None, *, update: bool = False) -> int | None:
        return self.storage.store(namespace, [Record(id, self.stamp(stamp), payload)], update=update)

    def _payload(self, namespace: str, id: int) -> bytes | None:
        """What readers get: None for a removed record and for none alike."""
        record = self.storage.load(namespace, [id])[0]
        return None if record is None else record.payload

    @promise("C10")
    def test_records_come_back_in_the_order_asked_for(self) -> None:
        namespace, ids = self.namespace(), [0, *tied(4), MAX_ID]
        records = [Record(id, self.stamp(1), b"%d" % id) for id in ids]
        self.counted(self.storage.store(namespace, records), 6, "six new records")
        wanted = [ids[3], MILLISECOND + 3, ids[0], ids[3], ids[5]]
        found = self.storage.load(namespace, wanted)
        expected = [records[3], None, records[0], records[3], records[5]]
        same([*found], expected, "C10", "records by id, None where there is none")

    @promise("C6")
    def test_storing_again_changes_nothing(self) -> None:
        namespace, (id, other) = self.namespace(), tied(2)
        self.counted(self._store(namespace, id, 1, b"x"), 1, "a new record")
        self.counted(self._store(namespace, id, 1, b"x"), 0, "the same record again")
        self.counted(self._store(namespace, id, 2, b"y"), 0, "a newer version of a record")
        twice = [Record(other, self.stamp(1), b"z"), Record(other, self.stamp(1), b"z")]
        self.counted(self.storage.store(namespace, twice), 1, "one record twice in a batch")
        same(self._payload(namespace, other), b"z", "C6", "a record stored twice in a batch")

    @promise("C9")
    def test_the_newest_version_of_a_record_stays(self) -> None:
        id = MILLISECOND
        for order in permutations((1, 2, 3)):
            namespace = self.namespace()
            for stamp in (*order, order[0]):
                self._store(namespace, id, stamp, b"%d" % stamp)
            same(self._payload(namespace, id), b"3", "C9", f"a record stored at {order}")
            one_batch = self.namespace()
            self.storage.store(one_batch, [Record(id, self.stamp(stamp), b"%d" % stamp) for stamp in order])
            same(self._payload(one_batch, id), b"3", "C9", f"a record stored at {order} in one batch")

    @promise("C9")
    def test_a_removed_record_does_not_come_back(self) -> None:
        namespace, id = self.namespace(), MILLISECOND
        self._store(namespace, id, 1, b"x")
        self.counted(self._store(namespace, id, 3, None), 0, "a removal")
        same(self._payload(namespace, id), None, "C9", "a removed record")
        for stamp in (1, 2, 3):
            self._store(namespace, id, stamp, b"late")
            same(self._payload(namespace, id), None, "C9", f"a record removed at 3, after a late store of {stamp}")
        self.counted(self._store(namespace, id, 4, b"anew"), 1, "a record stored anew after its removal")
        same(self._payload(namespace, id), b"anew", "C9", "a record stored anew after its removal")

    @promise("C9")
    def test_a_removal_of_what_is_not_there_yet_is_remembered(self) -> None:
        namespace, id = self.namespace(), MILLISECOND
        self._store(namespace, id, 3, None)
        self._store(namespace, id, 2, b"late")
        same(self._payload(namespace, id), None, "C9", "a record whose removal arrived first")

    @promise("C9")
    def test_a_late_removal_of_a_record_leaves_a_newer_version(self) -> None:
        namespace, id = self.namespace(), MILLISECOND
        self._store(namespace, id, 4, b"newer")
        self._store(namespace, id, 3, None)
        same(self._payload(namespace, id), b"newer", "C9", "a record of 4 after a removal of 3")
        self._store(namespace, id, 4, None)
        same(self._payload(namespace, id), None, "C9", "a record after a removal of the same stamp")

    @promise("C6")
    def test_an_update_of_a_record_replaces_and_never_adds(self) -> None:
        namespace, (id, other) = self.namespace(), tied(2)
        self._store(namespace, id, 1, b"old")
        self.counted(self._store(namespace, id, 3, b"new", update=True), 0, "an update")
        self._store(namespace, other, 3, b"new", update=True)
        same(self._payload(namespace, id), b"new", "C6", "a record after its update")
        same(self._payload(namespace, other), None, "C6", "what was never stored, after an update of it")

    @promise("C9")
    def test_a_record_s_update_does_not_outlive_a_removal(self) -> None:
        namespace, id = self.namespace(), MILLISECOND
        self._store(namespace, id, 1, b"old")
        self._store(namespace, id, 3, b"new", update=True)
        self._store(namespace, id, 2, None)
        same(self._payload(namespace, id), None, "C9", "a record of 1 updated at 3, after its removal of 2")
        self._store(namespace, id, 5, b"newer", update=True)
        same(self._payload(namespace, id), None, "C9", "a removed record after another update")

    @promise("C9")
    def test_of_updates_of_a_record_the_newest_stays(self) -> None:
        namespace, id = self.namespace(), MILLISECOND
        self._store(namespace, id, 3, b"3")
        self._store(namespace, id, 2, b"2", update=True)
        same(self._payload(namespace, id), b"3", "C9", "a record of 3 after an update of 2")
        self._store(namespace, id, 6, b"6", update=True)
        self._store(namespace, id, 5, b"5", update=True)
        same(self._payload(namespace, id), b"6", "C9", "a record of 3 after updates of 6 and 5, in this order")
        self._store(namespace, id, 4, b"4")
        same(self._payload(namespace, id), b"6", "C9", "a record updated at 6, after it was stored at 4")
        self._store(namespace, id, 7, b"7")
        same(self._payload(namespace, id), b"7", "C9", "a record updated at 6, after it was stored at 7")

    @promise("C8")
    def test_every_record_of_a_batch_is_stored(self) -> None:
        namespace, ids = self.namespace(), tied(1200)
        added = self.storage.store(namespace, [Record(id, self.stamp(1), b"%d" % id) for id in ids])
        found = self.storage.load(namespace, ids)
        wrong = [id for id, record in zip(ids, found, strict=True) if record is None or record.payload != b"%d" % id]
        check(not wrong, "C8", f"of 1,200 records stored at once {len(wrong)} are missing or wrong")
        self.counted(added, 1200, "1,200 records at once")
