"""The publisher and the remover: programs that are killed and begin again where their journals end.

`python -m tests.faults.publishing publish|remove JOURNAL`

A line of a journal is the number of an activity of which the call has returned.
What was called and not written down when the process was killed is called again, which changes nothing.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from streamfw_core.errors import QueueUnavailable, StorageError

from streamfw_core import Streams
from tests.faults.world import FaultsManager, activity, the_world

PUBLISHED = "published"
REMOVED = "removed"
SHARE_REMOVED = 0.05
PAUSE = 0.2


def removed(number: int) -> bool:
    """Whether the activity of this number is removed once it is published."""
    return random.Random(f"removed {the_world().seed} {number}").random() < SHARE_REMOVED


def journal(folder: Path, name: str) -> list[int]:
    """The numbers in a journal; the last line may have been cut."""
    path = folder / name
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [int(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def publish(folder: Path) -> None:
    world, manager = the_world(), _manager()
    done = set(journal(folder, PUBLISHED))
    with (folder / PUBLISHED).open("a", encoding="utf-8", buffering=1) as file:
        for number in range(world.activities):
            if number not in done:
                one = activity(number)
                _insist(partial(manager.add_user_activity, one.actor_id, one))
                file.write(f"{number}\n")


def remove(folder: Path) -> None:
    """Follow the publisher closely, so that removals race with what they remove."""
    manager, world = _manager(), the_world()
    done = set(journal(folder, REMOVED))
    with (folder / REMOVED).open("a", encoding="utf-8", buffering=1) as file:
        for number in _published(folder, world.activities):
            if removed(number) and number not in done:
                one = activity(number)
                _insist(partial(manager.remove_user_activity, one.actor_id, one))
                file.write(f"{number}\n")


def _published(folder: Path, expected: int) -> Iterator[int]:
    seen = 0
    while seen < expected:
        numbers = journal(folder, PUBLISHED)
        yield from numbers[seen:]
        seen = max(seen, len(set(numbers)))
        time.sleep(0.01)


def _insist(call: Callable[[], None]) -> None:
    """Call again until it returns: what the error of a publisher asks for."""
    while True:
        try:
            call()
            return
        except (QueueUnavailable, StorageError) as error:
            print(f"again, as {type(error).__name__}: {error}", file=sys.stderr)
            time.sleep(PAUSE)


def _manager() -> FaultsManager:
    manager = FaultsManager(streams=Streams())
    print("ready", flush=True)
    return manager


if __name__ == "__main__":
    {"publish": publish, "remove": remove}[sys.argv[1]](Path(sys.argv[2]))
