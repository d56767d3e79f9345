"""Sending many statements at once: a bounded number is under way, and what may pass is tried again for a while."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

from attrs import frozen

from streamfw_cassandra.failures import failed, may_pass
from streamfw_cassandra.sessions import READ, Sessions
from streamfw_cassandra.tables import Table

__all__ = ["Reading", "Rows", "Running"]

Row: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = list[Row]
Found = TypeVar("Found")
Reading: TypeAlias = Generator[list[Any], list[Rows], Found]
"""What reads in steps: it yields statements, is sent the rows of each, and returns what it found."""

PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds before trying again; the last one again and again."""


@frozen
class Running:
    """How statements are sent."""

    sessions: Sessions

    def prepared(self, cql: str, table: Table, what: str) -> Any:
        """A prepared statement on a table; see `Table.named`.

        :raises StorageError: Cassandra cannot be reached, or has no such table.
        """
        return self.sessions.known(cql, table) or self._lasting(
            lambda: self.sessions.connected().prepare_for(cql, table), what
        )

    def start(self, statements: Iterable[Any], profile: str) -> Callable[[], list[Rows | Exception]]:
        """Begin sending; what is returned waits for the answers: rows, or why there are none, in order."""
        session = self.sessions.connected().session
        room = self.sessions.options.requests
        sent: list[tuple[Any, Any]] = []
        waiting: deque[Any] = deque()
        for statement in statements:
            if len(waiting) >= room:
                _wait(waiting.popleft())
            future = session.execute_async(statement, execution_profile=profile)
            waiting.append(future)
            sent.append((statement, future))

        def end() -> list[Rows | Exception]:
            until = time.monotonic() + self.sessions.options.retry_for
            return [self._answer(statement, future, profile, until) for statement, future in sent]

        return end

    def all(self, statements: Iterable[Any], what: str, profile: str = READ) -> list[Rows]:
        """The rows of each statement.

        :raises StorageError: one of them failed; all were tried.
        """
        answers = self.start(statements, profile)()
        found: list[Rows] = []
        for answer in answers:
            if isinstance(answer, Exception):
                raise self.failed(answer, what)
            found.append(answer)
        return found

    def pages(self, statement: Any, what: str) -> Iterator[Rows]:
        """The rows of a statement that finds very many, some at a time.

        :raises StorageError: as `all`.
        """
        found = self._lasting(
            lambda: self.sessions.connected().session.execute(statement, execution_profile=READ), what
        )
        yield list(found.current_rows)
        while found.has_more_pages:
            self._lasting(found.fetch_next_page, what)
            yield list(found.current_rows)

    def read(self, readings: Sequence[Reading[Found]], what: str) -> list[Found]:
        """Let several read at once, step by step."""
        found: dict[int, Found] = {}
        asking: list[tuple[int, Reading[Found], list[Any]]] = []

        def go_on(number: int, reading: Reading[Found], rows: list[Rows] | None) -> None:
            try:
                asked = next(reading) if rows is None else reading.send(rows)
            except StopIteration as stopped:
                found[number] = stopped.value
            else:
                asking.append((number, reading, asked))

        for number, reading in enumerate(readings):
            go_on(number, reading, None)
        while asking:
            step, asking = asking, []
            answers = iter(self.all([statement for _, _, asked in step for statement in asked], what))
            for number, reading, asked in step:
                go_on(number, reading, [next(answers) for _ in asked])
        return [found[number] for number in range(len(readings))]

    def failed(self, error: BaseException, what: str) -> Exception:
        return failed(error, self.sessions.name, self.sessions.nodes, what)

    def _answer(self, statement: Any, future: Any, profile: str, until: float) -> Rows | Exception:
        try:
            found = future.result()
            return list(found) if found.has_more_pages else found.current_rows
        except Exception as error:  # noqa: BLE001 (whatever the driver raises is this statement's answer)
            if not may_pass(error):
                return error
            failure = error
        return self._again(statement, profile, until, failure)

    def _again(self, statement: Any, profile: str, until: float, failure: Exception) -> Rows | Exception:
        tries = 0
        while time.monotonic() < until:
            time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1
            try:
                session = self.sessions.connected().session
                return list(session.execute(statement, execution_profile=profile))
            except Exception as error:  # noqa: BLE001 (as above)
                failure = error
                if not may_pass(error):
                    break
        return failure

    def _lasting(self, call: Callable[[], Any], what: str) -> Any:
        """What a call returns, tried again for a while where its failure may pass."""
        until = time.monotonic() + self.sessions.options.retry_for
        tries = 0
        while True:
            try:
                return call()
            except Exception as error:  # noqa: BLE001 (it is raised, as an error of ours)
                if not may_pass(error) or time.monotonic() > until:
                    failure = self.failed(error, what)
                    raise failure from failure.__cause__
            time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1


def _wait(future: Any) -> None:
    """Until there is an answer; what it is, is looked at later."""
    with suppress(Exception):
        future.result()
