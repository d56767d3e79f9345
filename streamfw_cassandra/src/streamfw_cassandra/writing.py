"""Writes to many feeds: which statements they are, sent in batches, and which feeds failed.

Every operation is a write with the time of its stamp, and Cassandra keeps the newest of each cell:
so an entry that was removed stays out however late its put arrives, and nothing is read before it is written,
save what is remembered for all feeds of the class.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from cassandra.query import UNSET_VALUE
from streamfw_core.errors import ArgumentError, StorageError
from streamfw_core.storage import Entry, FeedSpec, Write

from streamfw_cassandra import statements as cql
from streamfw_cassandra.batches import Batch, Packer
from streamfw_cassandra.failures import concerns_one_row
from streamfw_cassandra.notes import Note, Notes
from streamfw_cassandra.running import Running
from streamfw_cassandra.sessions import WRITE
from streamfw_cassandra.statements import Statements, Template
from streamfw_cassandra.tables import Tables
from streamfw_cassandra.unmarked import rows_of, unseen_row
from streamfw_cassandra.values import pack_id, parts

__all__ = ["Writing"]

SMALLEST_SLACK: Final = 256
"""To look costs as much as to write many rows, whatever it finds: so short feeds, which take little, are looked at rarely."""
SMALLEST_SLACK_OF_GROUPS: Final = 64
"""Readers of a grouped feed read what it does not show too."""

logger = logging.getLogger(__name__)


@frozen
class Writing:
    """How feeds of one storage are written."""

    running: Running
    tables: Tables
    notes: Notes

    def statements(self, spec: FeedSpec, what: str) -> Statements:
        return Statements(self.running, self.tables.timeline(spec), f"{what} feeds of {spec.name!r}")

    def start(self, spec: FeedSpec, writes: Sequence[Write]) -> Callable[[], dict[str, Exception]]:
        """Begin writes; what is returned waits for their end, and says which feeds were not written, and why.

        :raises StorageError: none was, or what is remembered cannot be read.
        :raises ArgumentError: there is a value that cannot be stored. Nothing was written.
        """
        asked = self.statements(spec, "writing")
        notes = self.notes.find(spec, (put.id for write in writes for put in write.puts))
        planned = [(write.owners, [*_templates(asked, spec, write, notes)]) for write in writes]
        for owners, templates in planned:
            _check(owners, templates)
        batches: list[Batch] = []
        end = self.running.start(self._requests(planned, batches), WRITE)
        return lambda: self._failures(asked.what, batches, end())

    def to_many(self, statements: Iterable[tuple[str, Any]], what: str) -> None:
        """Send a statement on each of many feeds, in batches.

        :raises StorageError: one of them failed; all were tried.
        """
        batches = self._packed(((owner, [statement]) for owner, statement in statements), 1)
        self.running.all((batch.request for batch in batches), what, WRITE)

    def to_one(self, owner: str, what: str, *steps: Sequence[Any]) -> None:
        """Send statements on one feed: as one batch, or each step after those before it, where there are too many.

        :raises StorageError: one of them failed.
        """
        every = [statement for step in steps for statement in step]
        together = [*self._packed([(owner, every)], len(every))]
        for batches in (
            [together] if len(together) <= 1 else (self._packed([(owner, step)], len(step)) for step in steps)
        ):
            self.running.all([batch.request for batch in batches], what, WRITE)

    def _packed(self, feeds: Iterable[tuple[str, Sequence[Any]]], number: int) -> Iterator[Batch]:
        """So many statements of each feed, none with a payload."""
        packer = Packer(self.running.sessions.options)
        yield from packer.fill(feeds, [0] * number)
        yield from packer.end()

    def outgrown(
        self, spec: FeedSpec, writes: Sequence[Write], failures: Mapping[str, Exception], together: int = 1
    ) -> list[str]:
        """Feeds to look at for what no reader sees any more: each now and then, so that rows stay within bounds.

        :param together: how many are looked at with one request: so many are chosen at once.
        """
        smallest = SMALLEST_SLACK if spec.kind == "flat" else SMALLEST_SLACK_OF_GROUPS
        slack = self.running.sessions.options.slack or max(smallest, spec.keep)
        chosen = [
            owner
            for write in writes
            if write.puts
            for some in parts(write.owners, together)
            if random.random() * slack < len(write.puts)
            for owner in some
        ]
        return [owner for owner in dict.fromkeys(chosen) if owner not in failures]

    def tidied(self, trim: Callable[[Sequence[str]], None], owners: Sequence[str]) -> None:
        """Trim feeds. The write is done by then: that this fails is no reason to do it again, and the next one will trim."""
        if owners:
            try:
                trim(owners)
            except StorageError as error:
                logger.info("%d feeds were not trimmed: %s", len(owners), error)

    def _requests(
        self, planned: Sequence[tuple[Sequence[str], Sequence[Template]]], batches: list[Batch]
    ) -> Iterator[Any]:
        """What is sent; each batch is noted in `batches` too."""
        packer = Packer(self.running.sessions.options)
        for owners, templates in planned:
            if not templates:
                continue
            statements = ((owner, [template.of(owner) for template in templates]) for owner in owners)
            for batch in packer.fill(statements, [template.size for template in templates]):
                batches.append(batch)
                yield batch.request
        for batch in packer.end():
            batches.append(batch)
            yield batch.request

    def _failures(
        self, what: str, batches: Sequence[Batch], answers: Sequence[list[Any] | Exception]
    ) -> dict[str, Exception]:
        failures: dict[str, Exception] = {}
        for batch, answer in zip(batches, answers, strict=True):
            if not isinstance(answer, Exception):
                continue
            if concerns_one_row(answer) and len(batch.statements) > 1:
                failures.update(self._one_by_one(batch, what))
            else:
                failures.update(dict.fromkeys(batch.owners, self.running.failed(answer, what)))
        errors = [answer for answer in answers if isinstance(answer, Exception)]
        if errors and len(errors) == len(answers) and not any(map(concerns_one_row, errors)):
            raise self.running.failed(errors[0], what)
        return failures

    def _one_by_one(self, batch: Batch, what: str) -> dict[str, Exception]:
        """Of a batch that was refused for one of its feeds: which."""
        answers = self.running.start(batch.statements, WRITE)()
        return {
            owner: self.running.failed(answer, what)
            for owner, answer in zip(batch.owners, answers, strict=True)
            if isinstance(answer, Exception)
        }


def _check(owners: Sequence[str], templates: Sequence[Template]) -> None:
    """See that all can be bound, before the first is sent.

    :raises ArgumentError: one cannot.
    """
    for template in templates:
        template.of("")
    try:
        "".join(owners).encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"an owner cannot be stored on Cassandra: {error}") from error


def _templates(asked: Statements, spec: FeedSpec, write: Write, notes: Mapping[int, Note]) -> Iterator[Template]:
    for put in _newest(write.puts):
        note = notes.get(put.id, Note())
        if note.removed < put.stamp:
            yield from _put(asked, spec, put, note)
    for removal in write.removes:
        for row in rows_of(spec, removal.id):
            yield Template(asked(cql.REMOVE), (removal.stamp,), (row,))
    for update in write.updates if spec.inline or spec.columns else ():
        payload = (update.payload or b"") if spec.inline else None
        yield _update(asked, update.id, update.stamp, payload, _own(spec, update))


def _put(asked: Statements, spec: FeedSpec, put: Entry, note: Note) -> Iterator[Template]:
    """A put, with the payload of a newer update where one is remembered."""
    payload = put.payload if spec.inline else None
    if payload is not None and note.updated >= put.stamp:
        # With the stamp of its own: a put that did not know of the update must not take its place.
        yield _update(asked, put.id, note.updated, note.data or b"", [UNSET_VALUE] * len(spec.columns))
        payload = None
    if spec.kind == "notification":
        yield Template(asked(cql.UNMARKED), (put.stamp,), (unseen_row(put.id),))
    statement = asked(cql.PUT if spec.kind == "flat" else cql.PUT_MEMBER)
    member = () if spec.kind == "flat" else (put.group, put.actor)
    data = UNSET_VALUE if payload is None else payload
    yield Template(
        statement,
        (put.stamp, data, *member, *_own(spec, put)),
        (pack_id(put.id),),
        0 if payload is None else len(payload),
    )


def _update(asked: Statements, id: int, stamp: int, payload: bytes | None, own: Sequence[object]) -> Template:
    data = UNSET_VALUE if payload is None else payload
    return Template(asked(cql.UPDATE), (stamp, data, *own), (pack_id(id),), 0 if payload is None else len(payload))


def _own(spec: FeedSpec, entry: Entry) -> list[object]:
    """The values of the feed's columns. One that is missing is not written: None would be a tombstone."""
    values = entry.columns or [None] * len(spec.columns)
    return [UNSET_VALUE if value is None else value for value in values]


def _newest(puts: Iterable[Entry]) -> Iterable[Entry]:
    """Of puts of one entry the first of the newest: two of one stamp could become a mixture."""
    newest: dict[int, Entry] = {}
    for put in puts:
        if put.id not in newest or newest[put.id].stamp < put.stamp:
            newest[put.id] = put
    return newest.values()
