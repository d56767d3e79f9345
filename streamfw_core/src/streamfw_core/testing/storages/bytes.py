"""Payloads are bytes, and come back as they were."""

from __future__ import annotations

from streamfw_core.storage.protocol import Query, Record
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import StorageCase, tied

__all__ = ["BytesContract"]

PAYLOADS = (
    b"",
    b"\0",
    b"a\0b\0",
    bytes(range(256)),
    b"\xff\xfe\x80",
    b"\r\n",
    b"  ",
    b"0",
    b"null",
    b"'; DROP TABLE feeds; --",
    b"x" * 70_000,
)
MEGABYTE = bytes(range(256)) * 4096


class BytesContract(StorageCase):
    """What the storage does to payloads: nothing."""

    @promise("C25")
    def test_inline_payloads_come_back_byte_by_byte(self) -> None:
        spec, ids = self.spec(inline=True), tied(len(PAYLOADS))
        for id, payload in zip(ids, PAYLOADS, strict=True):
            self.put(spec, "a", [id], payload=payload)
        for query in (Query("a"), Query("a", oldest_first=True), Query("a", 2, 5)):
            page = self.storage.read(spec, [query])[0]
            check(page.payloads is not None, "C25", "a feed with inline payloads is read without them")
            found = dict(zip(page.ids, page.payloads or (), strict=True))
            expected = {id: payload for id, payload in zip(ids, PAYLOADS, strict=True) if id in found}
            same(found, expected, "C25", "inline payloads, each beside its entry")

    @promise("C25")
    def test_records_come_back_byte_by_byte(self) -> None:
        namespace, ids = self.namespace(), tied(len(PAYLOADS))
        records = [Record(id, self.stamp(1), payload) for id, payload in zip(ids, PAYLOADS, strict=True)]
        self.storage.store(namespace, records)
        same([*self.storage.load(namespace, ids)], records, "C25", "records, payload by payload")

    @promise("C25")
    def test_a_megabyte_comes_back_whole(self) -> None:
        spec, (id, other), namespace = self.spec(inline=True), tied(2), self.namespace()
        self.put(spec, "a", [id], payload=MEGABYTE)
        self.storage.store(namespace, [Record(other, self.stamp(1), MEGABYTE)])
        found = self.payload(spec, "a", id)
        check(
            found == MEGABYTE,
            "C25",
            f"an inline payload of a megabyte came back as {len(found or b'')} bytes, or changed",
        )
        record = self.storage.load(namespace, [other])[0]
        stored = None if record is None else record.payload
        check(stored == MEGABYTE, "C25", f"a record of a megabyte came back as {len(stored or b'')} bytes, or changed")

    @promise("C25")
    def test_stamps_come_back_exactly(self) -> None:
        spec, namespace, ids = self.spec(), self.namespace(), tied(3)
        for number, id in enumerate(ids):
            self.put(spec, "a", [id], stamp=number)
            self.storage.store(namespace, [Record(id, self.stamp(number), b"x")])
        stamps = [self.stamp(number) for number in range(3)]
        same(
            [entry.stamp for entry in self.entries(spec, "a")],
            stamps[::-1],
            "C25",
            "stamps of entries, in microseconds",
        )
        found = [record and record.stamp for record in self.storage.load(namespace, ids)]
        same(found, stamps, "C25", "stamps of records, in microseconds")
