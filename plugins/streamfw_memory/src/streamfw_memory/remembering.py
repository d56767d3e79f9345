"""What feeds of one class remember beyond what they hold: removals, updates, and where feeds were cut."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from attrs import define, field
from streamfw_core.ids import MAX_ID
from streamfw_core.storage import Entry, Removal


@define
class Note:
    """What is remembered of an entry beyond the feeds that hold it."""

    expires: float
    removed: int = -1
    """Stamp of the removal from every feed."""
    removed_from: dict[str, int] = field(factory=dict)
    """Owner -> stamp of the removal from that feed."""
    update: Entry | None = None
    """The newest update for every feed."""
    updated_in: dict[str, int] = field(factory=dict)
    """Owner -> stamp of an update of that feed alone, which the entry's own stamp does not tell."""

    def removed_at(self, owner: str) -> int:
        return max(self.removed, self.removed_from.get(owner, -1))


@define
class Floor:
    """That a feed was cut at `stamp`: puts that are not newer and below `bound` stay out."""

    expires: float
    bound: int
    stamp: int


@define
class Memory:
    """Notes by entry and floors by owner, each for `ttl` seconds. The storage holds its lock around every call."""

    ttl: float
    notes: dict[int, Note] = field(factory=dict)
    floors: dict[str, list[Floor]] = field(factory=dict)
    _expiring: deque[tuple[float, int | str]] = field(factory=deque)

    def remember(self, removes: Sequence[Removal], updates: Sequence[Entry]) -> None:
        """Note removals and updates for every feed."""
        for removal in removes:
            note = self._note(removal.id)
            note.removed = max(note.removed, removal.stamp)
        for update in updates:
            note = self._note(update.id)
            if note.update is None or note.update.stamp <= update.stamp:
                note.update = update

    def cut(self, owner: str, bound: int, stamp: int) -> None:
        """Note that a feed was cut: what is not newer and below the bound stays out."""
        floors = [floor for floor in self.floors.get(owner, []) if floor.bound > bound or floor.stamp > stamp]
        self.floors[owner] = [*floors, Floor(self._expire(owner), bound, stamp)]

    def is_emptied(self, owner: str, stamp: int) -> bool:
        """Whether a put with this stamp is older than an emptying of the feed."""
        return owner in self.floors and self.is_cut(owner, MAX_ID, stamp)

    def is_cut(self, owner: str, place: int, stamp: int) -> bool:
        """Whether a put with this stamp would come back below a cut; `place` is where it would stand."""
        return any(stamp <= floor.stamp and place < floor.bound for floor in self.floors.get(owner, ()))

    def admit(self, owner: str, entry: Entry) -> Entry | None:
        """The entry as it may be put in, or None when a newer removal forbids it."""
        note = self.notes.get(entry.id)
        if note is None:
            return entry
        if note.removed_at(owner) >= entry.stamp:
            return None
        if note.update is not None and entry.payload is not None and note.update.stamp >= entry.stamp:
            return entry._replace(payload=note.update.payload)
        return entry

    def renewed(self, owner: str, known: Entry, entry: Entry) -> Entry:
        """The newer of two puts of one entry, with the payload of an update that is newer still."""
        if known.stamp >= entry.stamp:
            return known
        note = self.notes.get(entry.id)
        if note is not None and note.updated_in.get(owner, -1) > entry.stamp:
            return entry._replace(payload=known.payload)
        return entry

    def removed(self, owner: str, removal: Removal) -> None:
        """Note a removal from one feed, unless one from every feed says as much."""
        note = self.notes.get(removal.id)
        if note is None or note.removed < removal.stamp:
            note = self._note(removal.id)
            note.removed_from[owner] = max(note.removed_from.get(owner, -1), removal.stamp)

    def gone(self, owner: str, id: int) -> None:
        """The feed does not hold the entry (any more), so its updates there are forgotten."""
        note = self.notes.get(id)
        if note is not None:
            note.updated_in.pop(owner, None)

    def updated(self, owner: str, known: Entry, update: Entry) -> Entry:
        """A present entry after an update, which may be older than what is known."""
        note = self.notes.get(update.id)
        everywhere = None if note is None else note.update
        if everywhere is not None and everywhere.stamp >= update.stamp:
            update = everywhere
        newest = -1 if note is None else note.updated_in.get(owner, -1)
        if update.stamp <= max(known.stamp, newest):
            return known
        if update is not everywhere:
            self._note(update.id).updated_in[owner] = update.stamp
        return known._replace(payload=update.payload)

    def _note(self, id: int) -> Note:
        expires = self._expire(id)
        note = self.notes.get(id)
        if note is None:
            note = self.notes[id] = Note(expires)
        note.expires = expires
        return note

    def _expire(self, what: int | str) -> float:
        """When what is remembered from now on may be forgotten; forgets what may be by now."""
        now = time.monotonic()
        while self._expiring and self._expiring[0][0] <= now:
            _, old = self._expiring.popleft()
            if isinstance(old, str):
                self._forget_floors(old, now)
            elif old in self.notes and self.notes[old].expires <= now:
                del self.notes[old]
        self._expiring.append((now + self.ttl, what))
        return now + self.ttl

    def _forget_floors(self, owner: str, now: float) -> None:
        floors = [floor for floor in self.floors.pop(owner, []) if floor.expires > now]
        if floors:
            self.floors[owner] = floors
