"""What a feed must show, recomputed from the list of all operations: small enough to be seen to be right.

No order of arrival appears in it, since none may matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from streamfw_core.ids import MAX_ID

__all__ = ["Kind", "Operation", "page", "records", "timeline"]

Kind: TypeAlias = Literal["add", "remove", "update", "empty"]


class Operation(NamedTuple):
    """An operation on the entry `id` of one feed, or on the record `id`; `"empty"` concerns every entry of the feed."""

    kind: Kind
    id: int
    stamp: int

    @property
    def payload(self) -> bytes:
        """The bytes that an add or update brings: no two of them the same."""
        return b"%s of %d at %d" % (self.kind.encode(), self.id, self.stamp)


def timeline(operations: Iterable[Operation]) -> dict[int, bytes]:
    """Id -> payload of what a feed without a cap shows, newest first.

    An entry is there when its newest add is newer than every removal and emptying.
    It has the payload of the newest add or update.
    """
    listed = list(operations)
    shown = {}
    for id in sorted({operation.id for operation in listed if operation.kind == "add"}, reverse=True):
        of_id = [operation for operation in listed if operation.id == id or operation.kind == "empty"]
        added = max(operation.stamp for operation in of_id if operation.kind == "add")
        gone = [operation.stamp for operation in of_id if operation.kind in ("remove", "empty")]
        if added > max(gone, default=-1):
            versions = [operation for operation in of_id if operation.kind in ("add", "update")]
            shown[id] = max(versions, key=lambda version: version.stamp).payload
    return shown


def records(operations: Sequence[Operation]) -> set[bytes | None]:
    """What the record of one id may hold after operations that arrived in this order; None: nothing.

    Here the order may matter in one way: a storage need not remember an update of what is not there.
    """
    remembering = timeline(operations)
    return {_forgetful_record(operations), next(iter(remembering.values()), None)}


def _forgetful_record(operations: Sequence[Operation]) -> bytes | None:
    stored = removed = updated = -1
    payload: bytes | None = None
    for operation in operations:
        present = stored > removed
        if operation.kind == "remove":
            removed = max(removed, operation.stamp)
        elif operation.kind == "update":
            if present and operation.stamp > max(stored, updated):
                updated, payload = operation.stamp, operation.payload
        elif operation.stamp > max(stored, removed):
            if not present:
                updated = -1
            stored = operation.stamp
            if stored > updated:
                payload = operation.payload
    return payload if stored > removed else None


def page(
    ids: Iterable[int], start: int, stop: int | None, lower: int = 0, upper: int = MAX_ID, *, oldest_first: bool = False
) -> list[int]:
    """What a query finds among the ids that a feed shows."""
    return sorted((id for id in ids if lower <= id <= upper), reverse=not oldest_first)[start:stop]
