"""A small social network made up on the spot: people, their boards, who follows whom, and what they pin.

The same seed gives the same world, everywhere.
Nothing here knows of feeds: programs that show streamfw take a world and do something with it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

__all__ = ["Board", "Happening", "Person", "Pin", "World", "make_world"]

_NAMES = (
    "Ada", "Bela", "Chen", "Dora", "Emeka", "Freya", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Lena",
    "Mio", "Nadia", "Omar", "Petra", "Quinn", "Rosa", "Sami", "Tala", "Uma", "Viktor", "Wanda", "Xenia",
    "Yara", "Zeno",
)  # fmt: skip

_BOARDS: Mapping[str, Sequence[str]] = {
    "Surf boards": ("Sunset", "Longboard", "First wave", "Wax", "Point break", "Wet suit", "Low tide"),
    "Bread": ("Sourdough", "Rye", "Baguette", "Focaccia", "Starter", "Seeded rolls", "Oven spring"),
    "Small houses": ("Tree house", "Houseboat", "Attic", "Shepherd's hut", "Glass cabin", "Loft", "Green roof"),
    "Type": ("Garamond", "Ampersands", "Letterpress", "Serifs", "Wood type", "Kerning", "Ligatures"),
    "Gardens": ("Moss", "Tomatoes", "Rain barrel", "Wild corner", "Cold frame", "Fig tree", "Bee hotel"),
    "Night skies": ("Orion", "Meteors", "Full moon", "Milky way", "Star trails", "Eclipse", "Saturn"),
    "Bicycles": ("Fixed gear", "Panniers", "Cargo bike", "Tandem", "Brass bell", "Steel frame", "Gravel"),
    "Maps": ("Contours", "Old harbors", "Metro lines", "Globe", "Sea charts", "Atlas", "Trails"),
}

_MIN_FOLLOWED, _MAX_FOLLOWED = 2, 6
_COMMENTS = ("So good!", "Where is this?", "Saved for the weekend.", "I want one.", "Made it, loved it.")


@frozen
class Person:
    id: int
    name: str


@frozen
class Board:
    id: int
    name: str


@frozen
class Pin:
    """A thing to pin; it belongs on one board."""

    id: int
    name: str
    board: Board


@frozen
class Happening:
    """That somebody pinned, loved or commented on something, so many seconds before now.

    :param verb: `"pin"`, `"love"` or `"comment"`.
    :param text: of a comment.
    """

    actor: Person
    verb: str
    pin: Pin
    seconds_ago: int
    text: str = ""


@frozen
class World:
    """People and things, each findable by its id; `followed` maps a person's id to whom the person follows."""

    people: Mapping[int, Person]
    boards: Mapping[int, Board]
    pins: Mapping[int, Pin]
    followed: Mapping[int, Sequence[Person]]
    happenings: Sequence[Happening]


def make_world(seed: int, people: int, *, happenings_per_person: int = 4) -> World:
    """Make up a world, in which some people have many more followers than others.

    :param people: 3 or more.
    :param happenings_per_person: on average.
    """
    dice = random.Random(seed)
    persons = {id: Person(id, name) for id, name in enumerate(_person_names(dice, people), 1)}
    boards = {id: Board(id, name) for id, name in enumerate(_BOARDS, 101)}
    things = [(board, name) for board in boards.values() for name in _BOARDS[board.name]]
    pins = {id: Pin(id, name, board) for id, (board, name) in enumerate(things, 1001)}
    followed = _follows(dice, list(persons.values()))
    happenings = _happenings(dice, list(persons.values()), list(pins.values()), people * happenings_per_person)
    return World(persons, boards, pins, followed, happenings)


def _person_names(dice: random.Random, count: int) -> Iterator[str]:
    """Distinct names; from the second round on with a number: `Ada 2`."""
    for start in range(0, count, len(_NAMES)):
        number = start // len(_NAMES) + 1
        names = dice.sample(_NAMES, min(len(_NAMES), count - start))
        yield from (name if number == 1 else f"{name} {number}" for name in names)


def _follows(dice: random.Random, people: Sequence[Person]) -> dict[int, Sequence[Person]]:
    # By the law of all networks: a person's place decides how likely others are to follow.
    weights = [1 / place for place in range(1, len(people) + 1)]
    followed: dict[int, Sequence[Person]] = {}
    for person in people:
        wanted = dice.randint(_MIN_FOLLOWED, min(_MAX_FOLLOWED, len(people) - 1))
        chosen: dict[Person, None] = {}
        while len(chosen) < wanted:
            one = dice.choices(people, weights)[0]
            if one is not person:
                chosen[one] = None
        followed[person.id] = list(chosen)
    return followed


def _happenings(dice: random.Random, people: Sequence[Person], pins: Sequence[Pin], count: int) -> Sequence[Happening]:
    """The oldest first, all of them within the last day or so, and denser towards now. Nobody does one thing twice."""
    seen: set[tuple[int, str, int]] = set()
    found: list[Happening] = []
    seconds_ago = 30.0
    while len(found) < count:
        person, pin = dice.choice(people), dice.choice(pins)
        verb = dice.choices(("pin", "love", "comment"), (6, 3, 2))[0]
        if (person.id, verb, pin.id) not in seen:
            seen.add((person.id, verb, pin.id))
            text = dice.choice(_COMMENTS) if verb == "comment" else ""
            found.append(Happening(person, verb, pin, int(seconds_ago), text))
            seconds_ago += dice.expovariate(1.0) * min(1800.0, 86_400 / count * (0.2 + 2 * len(found) / count))
    return found[::-1]
