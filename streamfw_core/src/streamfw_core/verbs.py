"""Verbs: what an actor does. A registry maps their ids, which are what is stored, to their classes.

The registry belongs to the process, as classes do: a verb is code, not state.
Register verbs where they are sure to be imported before feeds are read.
"""

from __future__ import annotations

from typing import TypeVar

from streamfw_core.errors import DuplicateVerb, VerbError, VerbNotFound, shown

__all__ = ["Add", "Comment", "Follow", "Love", "Verb", "get_verb_by_id", "get_verb_storage", "register"]

MAX_VERB_ID = 2**63 - 1


class Verb:
    """What an actor does: subclass it, give it an id (1 to 2**63 - 1) that is never used again, and register it.

    ```python
    @register
    class Pin(Verb):
        id = 5
        infinitive = "pin"
        past_tense = "pinned"
    ```

    `id` is what is stored; `infinitive` and `past_tense` are texts for people.
    """

    id: int = 0
    infinitive: str = ""
    past_tense: str = ""

    def __str__(self) -> str:
        return self.infinitive

    @classmethod
    def serialize(cls) -> int:
        """What is stored of a verb: its id."""
        return cls.id


V = TypeVar("V", bound=type[Verb])

_verbs: dict[int, type[Verb]] = {}


def register(verb: V) -> V:
    """Make a verb known under its id; returns it, so that it serves as a decorator.

    Registering one class twice, or the same class again after its module was reloaded, changes nothing.

    :raises VerbError: not a `Verb` subclass, or without a usable id or infinitive.
    :raises DuplicateVerb: another class has this id.
    """
    if not (isinstance(verb, type) and issubclass(verb, Verb)):
        raise VerbError(f"register() takes a subclass of Verb, got {shown(verb)}")
    _check(verb)
    present = _verbs.get(verb.id)
    if present is not None and _path(present) != _path(verb):
        raise _duplicate(verb, present)
    _verbs[verb.id] = verb
    return verb


def get_verb_by_id(verb_id: int) -> type[Verb]:
    """The verb class registered under an id.

    :raises VerbNotFound: no verb has it.
    """
    try:
        return _verbs[verb_id]
    except (KeyError, TypeError):
        raise VerbNotFound(
            f"no verb is registered under the id {shown(verb_id)}: import the module that defines it and calls register()"
            f" before activities are made or read (registered: {', '.join(map(str, sorted(_verbs)))})"
        ) from None


def get_verb_storage() -> dict[int, type[Verb]]:
    """A copy of the registry: verb id -> verb class."""
    return dict(_verbs)


def verb_of(value: object) -> type[Verb]:
    """The registered verb class meant by a class, an instance or an id.

    :raises VerbError: none of these, or a class that was not registered.
    :raises VerbNotFound: an id that nobody has.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return get_verb_by_id(value)
    verb = value if isinstance(value, type) else type(value)
    if not issubclass(verb, Verb):
        raise VerbError(f"a verb is a Verb class, an instance of one or its id, got {shown(value)}")
    if not isinstance(verb.id, int) or verb is not _verbs.get(verb.id):
        _check(verb)
        present = _verbs.get(verb.id)
        if present is None:
            raise VerbError(
                f"verb {verb.__name__} (id {verb.id}) is not registered, so nobody could read it back:"
                f" call streamfw_core.register({verb.__name__})"
            )
        if _path(present) != _path(verb):
            raise _duplicate(verb, present)
    return verb


def _check(verb: type[Verb]) -> None:
    if not isinstance(verb.id, int) or isinstance(verb.id, bool) or not 0 < verb.id <= MAX_VERB_ID:
        raise VerbError(f"verb {verb.__name__} needs an integer id from 1 to 2**63 - 1, got {shown(verb.id)}")
    for name in ("infinitive", "past_tense"):
        text = getattr(verb, name)
        if not isinstance(text, str) or not text:
            raise VerbError(f"verb {verb.__name__} needs {name} = '...', got {shown(text)}")


def _duplicate(verb: type[Verb], present: type[Verb]) -> DuplicateVerb:
    hint = f"give {verb.__name__} an id that no verb has (taken: {', '.join(map(str, sorted(_verbs)))})"
    modules = {verb.__module__, present.__module__}
    if verb.__qualname__ == present.__qualname__ and "__main__" in modules and len(modules) > 1:
        module = max(modules - {"__main__"})
        hint = (
            f"if these are one class, the file that runs as the program was imported again as {module!r}:"
            f" move what others import from it, such as verbs and settings, to a module of its own; else {hint}"
        )
    return DuplicateVerb(f"verb id {verb.id} of {_path(verb)} is taken by {_path(present)}: {hint}")


def _path(verb: type[Verb]) -> str:
    return f"{verb.__module__}.{verb.__qualname__}"


@register
class Follow(Verb):
    """A person followed another."""

    id = 1
    infinitive = "follow"
    past_tense = "followed"


@register
class Comment(Verb):
    """A person commented on a thing."""

    id = 2
    infinitive = "comment"
    past_tense = "commented"


@register
class Love(Verb):
    """A person loved a thing."""

    id = 3
    infinitive = "love"
    past_tense = "loved"


@register
class Add(Verb):
    """A person added a thing, to a target if there is one."""

    id = 4
    infinitive = "add"
    past_tense = "added"
