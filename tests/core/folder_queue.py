"""A task queue in a folder, for programs of several processes: with workers, dead letters, and faults to order."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, ClassVar
from uuid import uuid4

from streamfw_core.errors import QueueUnavailable
from streamfw_core.queues import DeadLetter, FanoutPriority, Handler, OnDead, delivering
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.storage.protocol import Scope

from streamfw_core import Feed, Manager, UserBaseFeed


class FolderQueue:
    """Messages are files; `down` in the folder makes it unavailable, `deadly` ends every worker at its start."""

    scope = Scope.SHARED

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = "folder"
        self.folder = Path(options["folder"])
        self._handler: Handler | None = None
        for state in ("waiting", "dead"):
            (self.folder / state).mkdir(parents=True, exist_ok=True)

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        self._handler, self._on_dead = handler, on_dead

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        if (self.folder / "down").exists():
            raise QueueUnavailable("the folder is down", queue=self.name)
        path = self.folder / f"{time.time_ns()}.{uuid4().hex}.{priority.value}"
        path.write_bytes(message)
        path.rename(self.folder / "waiting" / path.name)

    def waiting(self) -> list[Path]:
        return sorted((self.folder / "waiting").iterdir())

    def drain(self, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...

    # --- a worker ---

    def work(self, priorities: Sequence[FanoutPriority], stop: Event) -> None:
        if (self.folder / "deadly").exists():
            os._exit(3)
        while not stop.is_set():
            for priority in priorities:
                for path in self.waiting():
                    if path.suffix == f".{priority.value}" and not stop.is_set():
                        self._take(path, priority)
            time.sleep(0.01)

    def _take(self, path: Path, priority: FanoutPriority) -> None:
        running = self.folder / path.name
        try:
            path.rename(running)
        except FileNotFoundError:
            return  # another worker has it
        data = running.read_bytes()
        assert self._handler is not None
        with delivering(path.stem.partition(".")[2], priority):
            try:
                self._handler(data)
            except MessageFailed as failed:
                self.bury(path.stem.partition(".")[2], failed.rest, priority, str(failed))
                self._on_dead(str(failed))
        running.unlink()

    # --- dead letters ---

    def bury(self, id: str, message: bytes, priority: FanoutPriority, reason: str, attempts: int = 1) -> None:
        told = {
            "id": id,
            "message": message.hex(),
            "priority": priority.value,
            "reason": reason,
            "died_at": (datetime.now(UTC) - timedelta(minutes=3)).isoformat(),
            "attempts": attempts,
        }
        (self.folder / "dead" / f"{time.time_ns()}").write_text(json.dumps(told))

    def dead_letters(self, limit: int | None = None) -> list[DeadLetter]:
        return [letter for _, letter in self._dead()][:limit]

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        return self._away(ids, again=True)

    def drop_dead(self, ids: Sequence[str] | None = None) -> int:
        return self._away(ids, again=False)

    def _away(self, ids: Sequence[str] | None, *, again: bool) -> int:
        found = [(path, letter) for path, letter in self._dead() if ids is None or letter.id in ids]
        for path, letter in found:
            if again:
                self.enqueue(letter.message, letter.priority)
            path.unlink()
        return len(found)

    def _dead(self) -> list[tuple[Path, DeadLetter]]:
        found = []
        for path in sorted((self.folder / "dead").iterdir()):
            told = json.loads(path.read_text())
            letter = DeadLetter(
                told["id"],
                bytes.fromhex(told["message"]),
                FanoutPriority(told["priority"]),
                told["reason"],
                datetime.fromisoformat(told["died_at"]),
                told["attempts"],
            )
            found.append((path, letter))
        return found


class FolderFeed(Feed):
    key_format = "folder:%(user_id)s"


class FolderOwnFeed(UserBaseFeed):
    key_format = "folder-own:%(user_id)s"


class FolderManager(Manager):
    name = "folder"
    feed_classes: ClassVar = {"folder": FolderFeed}
    user_feed_class = FolderOwnFeed

    def get_user_follower_ids(self, user_id: object) -> dict[FanoutPriority, list[int]]:
        """`sleepy` has followers that take a while to be found."""
        if user_id == "sleepy":
            (Path(self.streams.settings.task_queue.options["folder"]) / "asleep").touch()  # type: ignore[arg-type]
            time.sleep(3)
        return {FanoutPriority.HIGH: [1, 2, 3]}


PROGRAM = """
from pathlib import Path
print("somebody's own output")
STREAMFW = {{
    "storages": {{"default": {storage!r}}},
    "feeds": {{}},
    "managers": {{"folder": "tests.core.folder_queue:FolderManager"}},
    "task_queue": {{
        "backend": "tests.core.folder_queue:FolderQueue",
        "options": {{"folder": str(Path(__file__).parent / "queue")}},
        "outbox": {outbox!r},
    }},
}}
"""
"""The settings of such a program."""

SHARED = {"backend": "tests.core.folder_queue:shared_memory"}


def shared_memory(name: str, options: object) -> Any:
    """The storage in memory, said to be shared: enough where nobody reads what another process wrote."""
    from attrs import evolve
    from streamfw_memory.storage import MemoryStorage

    storage = MemoryStorage(name)
    storage.capabilities = evolve(MemoryStorage.capabilities, scope=Scope.SHARED)
    return storage


def write_program(
    folder: Path, name: str = "program", *, storage: object = None, outbox: str | None = None
) -> FolderQueue:
    """Write the settings `program:STREAMFW` into a folder; returns their queue."""
    (folder / f"{name}.py").write_text(PROGRAM.format(storage=storage or SHARED, outbox=outbox))
    return FolderQueue("folder", {"folder": folder / "queue"})
