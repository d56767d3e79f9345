"""What tests of storages have at hand: a storage, feeds and namespaces of their own, stamps of today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, ClassVar
from uuid import uuid4

from streamfw_core.clock import next_stamp
from streamfw_core.keys import KeyFormat
from streamfw_core.storage.protocol import Entry, FeedSpec, Outcome, Query, Removal, Storage, Write
from streamfw_core.testing.contract import Contract
from streamfw_core.testing.loops import Loops
from streamfw_core.testing.promises import check

__all__ = ["MILLISECOND", "StorageCase", "tied"]

MILLISECOND = 1_700_000_000_000 << 64
"""The first id of one millisecond."""


def tied(number: int) -> list[int]:
    """Ids of one millisecond, ascending: neighbours, and such as differ only beyond 53 and 63 bits."""
    spread = (0, 1, 2, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1)
    found = [*spread[:number], *range(10, 10 + max(0, number - len(spread)))]
    return sorted(MILLISECOND | low for low in found)


class StorageCase(Contract):
    """Hooks of a subclass:

    - `make_storage(name)`: a new instance. Two of them reach the same data where the storage's scope is `shared`.
    - `spoil_feed(storage, spec, owner)`: make one feed impossible to write to (a value of another type at its key,
      say) and return True; by default False, and the test that needs it is skipped.

    `aio`: the storage is called on event loops, where it waits; contracts of feeds use feeds and managers through `aio`.
    """

    aio: ClassVar[bool] = False

    def make_storage(self, name: str) -> Storage:
        raise NotImplementedError(f"{type(self).__name__} does not say what it tests: define make_storage(self, name)")

    def spoil_feed(self, storage: Storage, spec: FeedSpec, owner: str) -> bool:
        return False

    # --- around each test ---

    def begin(self) -> None:
        self._opened: list[Storage] = []
        self._loops = Loops()
        self._namespaces: list[str] = []
        self._token = uuid4().hex[:12]
        self._numbers = count(1)
        # Stamps and what expires by them are near today's.
        self._now = next_stamp()
        self.storage = self.open("default")

    def end(self) -> None:
        try:
            for namespace in self._namespaces:
                self.storage.flush(namespace)
        finally:
            for storage in self._opened:
                storage.close()
            self._loops.close()

    def declared_deviations(self) -> Mapping[str, str]:
        return {**self.storage.capabilities.deviations, **self.deviations}

    def open(self, name: str) -> Storage:
        """A new storage instance, which is closed after the test."""
        storage = self.called(self.make_storage(name))
        self._opened.append(storage)
        return storage

    def called(self, storage: Storage) -> Storage:
        """The storage as these tests call it."""
        return self._loops.storage(storage) if self.aio else storage

    # --- things of this test alone ---

    def spec(
        self, *, keep: int = 100, inline: bool = False, key_format: str = "{token}:%(user_id)s", **more: Any
    ) -> FeedSpec:
        """A feed class of a namespace that nobody else has; `{token}` in the format becomes unique."""
        text = key_format.replace("{token}", f"kit:{self._token}:{next(self._numbers)}")
        spec = FeedSpec(f"kit{next(self._numbers)}", KeyFormat(text), keep, inline=inline, **more)
        self._namespaces.append(spec.namespace)
        self.storage.prepare([spec])
        return spec

    def namespace(self, ending: str = "") -> str:
        """A namespace for records that nobody else has."""
        namespace = f"kit:{self._token}:records:{next(self._numbers)}{ending}"
        self._namespaces.append(namespace)
        return namespace

    def stamp(self, number: int) -> int:
        """Stamps in the order of their numbers."""
        return self._now + number

    # --- words ---

    def entry(self, id: int, stamp: int = 1, payload: bytes | None = None) -> Entry:
        return Entry(id, self.stamp(stamp), payload)

    def put(
        self, spec: FeedSpec, owner: str, ids: Iterable[int], stamp: int = 1, payload: bytes | None = None
    ) -> Outcome:
        """Add ids to one feed."""
        return self.write(spec, Write([owner], puts=[self.entry(id, stamp, payload) for id in ids]))

    def remove(self, spec: FeedSpec, owner: str, ids: Iterable[int], stamp: int = 2) -> Outcome:
        """Remove ids from one feed."""
        return self.write(spec, Write([owner], removes=[Removal(id, self.stamp(stamp)) for id in ids]))

    def update(self, spec: FeedSpec, owner: str, id: int, stamp: int, payload: bytes) -> Outcome:
        """Update one entry of one feed."""
        return self.write(spec, Write([owner], updates=[self.entry(id, stamp, payload)]))

    def clear(self, spec: FeedSpec, owner: str, keep: int, stamp: int) -> None:
        self.storage.clear(spec, [owner], keep=keep, stamp=self.stamp(stamp))

    def write(self, spec: FeedSpec, *writes: Write, report: bool = False) -> Outcome:
        """Write, and see that nothing failed."""
        outcome = self.storage.write(spec, writes, report=report)
        check(not outcome.failures, "C8", f"a write that should succeed reports failures: {dict(outcome.failures)}")
        return outcome

    def entries(self, spec: FeedSpec, owner: str, storage: Storage | None = None) -> Sequence[Entry]:
        """All that a feed shows."""
        return (storage or self.storage).read(spec, [Query(owner)])[0].entries

    def ids(self, spec: FeedSpec, query: Query | str, storage: Storage | None = None) -> list[int]:
        """The ids that a query (or a whole feed, given its owner) shows."""
        asked = Query(query) if isinstance(query, str) else query
        return [*(storage or self.storage).read(spec, [asked])[0].ids]

    def payload(self, spec: FeedSpec, owner: str, id: int) -> bytes | None:
        """The bytes that a feed keeps of an entry; None: it does not show it."""
        page = self.storage.read(spec, [Query(owner, lower=id, upper=id)])[0]
        return None if not page.ids or page.payloads is None else page.payloads[0]

    def counted(self, actual: int | None, expected: int, words: str) -> None:
        """A count is right, or is None where the storage cannot know (capability `add_counts`)."""
        if self.storage.capabilities.add_counts:
            check(actual == expected, "C6", f"{words}: counted {actual}, expected {expected}")
        else:
            check(actual is None, "C6", f"{words}: counted {actual}, but the capability add_counts is not declared")
