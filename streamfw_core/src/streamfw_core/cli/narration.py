"""How the demo tells its story: on the screen, or as a JSON document."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamfw_core.activity import Activity
from streamfw_core.cli.output import ago
from streamfw_core.cli.world import Person, World

__all__ = ["JsonNarrator", "Narrator", "ScreenNarrator"]

_SHOWN_NAMES = 6


class Narrator(ABC):
    """Is told what happens."""

    def __init__(self, world: World) -> None:
        self.world = world

    @abstractmethod
    def step(self, name: str, title: str, text: str, **figures: object) -> None:
        """Something was done."""

    @abstractmethod
    def feed(self, person: Person, followed: Sequence[str], activities: Sequence[Activity], count: int) -> None:
        """Somebody looks at the first activities of a feed that has `count`."""

    @abstractmethod
    def summary(self, counts: Mapping[str, float]) -> None:
        """It is over."""

    def sentence(self, activity: Activity) -> str:
        """`Ada pinned Sunset to Surf boards`: a feed keeps ids, and the world knows the names."""
        actor, verb, pin, rest = self.parts(activity)
        return f"{actor} {verb} {pin}{rest}"

    def parts(self, activity: Activity) -> tuple[str, str, str, str]:
        """Who, what, which thing, and the rest of the sentence."""
        world = self.world
        actor, pin = world.people[int(activity.actor_id)], world.pins[int(activity.object_id)]
        text = activity.extra_context.get("text")
        if text is not None:
            return actor.name, f"{activity.verb.past_tense} on", pin.name, f": {text}"
        target = "" if activity.target_id is None else f" to {world.boards[int(activity.target_id)].name}"
        return actor.name, activity.verb.past_tense, pin.name, target


class ScreenNarrator(Narrator):
    """For people."""

    def __init__(self, world: World, out: Console, now: datetime) -> None:
        super().__init__(world)
        self._out = out
        self._now = now
        self._steps = 0

    def step(self, name: str, title: str, text: str, **figures: object) -> None:
        self._steps += 1
        self._out.print()
        self._out.print(Text(f"{self._steps}. {title}", style="bold cyan"))
        self._out.print(Text(text))

    def feed(self, person: Person, followed: Sequence[str], activities: Sequence[Activity], count: int) -> None:
        names = ", ".join(followed[:_SHOWN_NAMES]) + (" ..." if len(followed) > _SHOWN_NAMES else "")
        table = Table(
            title=f"What {person.name} sees, following {names}",
            title_justify="left",
            caption=f"{len(activities)} of {count}",
            caption_justify="left",
            show_header=False,
        )
        for activity in activities:
            actor, verb, pin, rest = self.parts(activity)
            line = Text.assemble((actor, "bold"), f" {verb} ", (pin, "green"), rest)
            table.add_row(line, Text(ago(activity.time, self._now), style="dim"))
        self._out.print()
        self._out.print(table)

    def summary(self, counts: Mapping[str, float]) -> None:
        table = Table(show_header=False, box=None)
        for name, count in counts.items():
            table.add_row(name, f"{count:,}", style="bold" if name == "deliveries" else "")
        table.columns[1].justify = "right"
        self._out.print()
        self._out.print(Text("That was it", style="bold cyan"))
        self._out.print(table)
        self._out.print(Text("Next: streamfw demo --people 200, streamfw replay --help, streamfw plugins"))


class JsonNarrator(Narrator):
    """For programs."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._steps: list[dict[str, Any]] = []
        self.document: dict[str, Any] = {"steps": self._steps}

    def step(self, name: str, title: str, text: str, **figures: object) -> None:
        self._steps.append({"step": name, "text": text, **figures})

    def feed(self, person: Person, followed: Sequence[str], activities: Sequence[Activity], count: int) -> None:
        self._steps[-1]["feed"] = {
            "of": person.name,
            "following": list(followed),
            "count": count,
            "activities": [
                {
                    # A text, as many readers of JSON have no integers of this size.
                    "id": str(activity.serialization_id),
                    "text": self.sentence(activity),
                    "time": activity.time.isoformat(),
                }
                for activity in activities
            ],
        }

    def summary(self, counts: Mapping[str, float]) -> None:
        self.document["counts"] = {name.replace(" ", "_"): count for name, count in counts.items()}
