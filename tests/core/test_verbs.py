"""Verbs: the registry says early what would make stored activities unreadable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamfw_core.activity import Activity
from streamfw_core.errors import DuplicateVerb, StreamsError, VerbError, VerbNotFound
from streamfw_core.verbs import (
    Add,
    Comment,
    Follow,
    Love,
    Verb,
    get_verb_by_id,
    get_verb_storage,
    register,
    verb_of,
)

from streamfw_core import verbs


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A registry that is as before when a test is over."""
    before = dict(verbs._verbs)
    yield
    verbs._verbs.clear()
    verbs._verbs.update(before)


def make_verb(id: object = 50, infinitive: object = "pin", past_tense: object = "pinned") -> type[Verb]:
    return type("Pin", (Verb,), {"id": id, "infinitive": infinitive, "past_tense": past_tense})


def test_the_verbs_that_come_along() -> None:
    known = get_verb_storage()
    assert {id: known[id] for id in (1, 2, 3, 4)} == {1: Follow, 2: Comment, 3: Love, 4: Add}
    assert [(verb.infinitive, verb.past_tense) for verb in (Follow, Comment, Love, Add)] == [
        ("follow", "followed"),
        ("comment", "commented"),
        ("love", "loved"),
        ("add", "added"),
    ]


def test_a_verb_reads_as_its_infinitive_and_is_stored_as_its_id() -> None:
    assert str(Love()) == "love"
    assert Love.serialize() == Love().serialize() == 3


def test_register_is_a_decorator() -> None:
    @register
    class Pin(Verb):
        id = 50
        infinitive = "pin"
        past_tense = "pinned"

    assert Pin.__name__ == "Pin"
    assert get_verb_by_id(50) is Pin


def test_registering_twice_changes_nothing() -> None:
    pin = make_verb()
    assert register(pin) is register(pin) is get_verb_by_id(50)


def test_a_reloaded_module_registers_its_verbs_anew() -> None:
    first, second = make_verb(), make_verb()
    register(first)
    register(second)
    assert get_verb_by_id(50) is second
    assert verb_of(second) is second


def test_the_class_from_before_a_reload_still_serves() -> None:
    first, second = register(make_verb()), register(make_verb())
    activity = Activity(1, first, 2)
    assert activity.verb.id == second.id


def test_two_verbs_with_one_id_are_refused_and_both_named() -> None:
    class Like(Verb):
        id = 3
        infinitive = "like"
        past_tense = "liked"

    with pytest.raises(DuplicateVerb) as raised:
        register(Like)
    message = str(raised.value)
    assert "Like" in message
    assert "streamfw_core.verbs.Love" in message
    assert "taken: 1, 2, 3, 4" in message
    assert get_verb_by_id(3) is Love


@pytest.mark.parametrize("id", [0, -1, True, "5", 1.5, None, 2**63])
def test_an_unusable_id_is_refused(id: object) -> None:
    with pytest.raises(VerbError, match="id"):
        register(make_verb(id=id))


@pytest.mark.parametrize("text", ["", None, 5])
@pytest.mark.parametrize("name", ["infinitive", "past_tense"])
def test_a_verb_without_its_words_is_refused(name: str, text: object) -> None:
    words = {"infinitive": "pin", "past_tense": "pinned", name: text}
    with pytest.raises(VerbError, match=f"needs {name} = "):
        register(make_verb(50, **words))


@pytest.mark.parametrize("value", [object, int, "love", 3, None, Love()])
def test_only_verb_classes_can_be_registered(value: object) -> None:
    with pytest.raises(VerbError, match="takes a subclass of Verb"):
        register(value)  # type: ignore[type-var]


@pytest.mark.parametrize("id", [99, 0, -1, 2**64, "3", None, [], True + 98])
def test_an_unknown_id_says_what_to_do(id: object) -> None:
    with pytest.raises(VerbNotFound, match="import the module that defines it") as raised:
        get_verb_by_id(id)  # type: ignore[arg-type]
    assert isinstance(raised.value, LookupError)
    assert isinstance(raised.value, StreamsError)


def test_the_storage_is_a_copy() -> None:
    get_verb_storage().clear()
    assert get_verb_by_id(3) is Love


@pytest.mark.parametrize("value", [Love, Love(), 3])
def test_a_verb_may_be_given_as_class_instance_or_id(value: object) -> None:
    assert verb_of(value) is Love
    assert Activity(1, value, 2).verb is Love  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["love", True, None, object(), int, 1.5])
def test_what_is_no_verb_is_refused(value: object) -> None:
    with pytest.raises(VerbError):
        Activity(1, value, 2)  # type: ignore[arg-type]


def test_a_program_that_is_imported_again_by_its_name_learns_that_it_was() -> None:
    def pin(module: str) -> type[Verb]:
        words = {"id": 77, "infinitive": "pin", "past_tense": "pinned"}
        return type("Pin", (Verb,), {**words, "__module__": module, "__qualname__": "Pin"})

    register(pin("__main__"))
    with pytest.raises(DuplicateVerb, match="the file that runs as the program was imported again as 'single'"):
        register(pin("single"))
    register(pin("__main__"))  # run again, as notebooks do
    del verbs._verbs[77]
    register(pin("elsewhere"))
    with pytest.raises(DuplicateVerb) as raised:
        register(make_verb(77))  # of another module, and neither is the program
    assert "imported again" not in str(raised.value)


def test_an_activity_with_an_unregistered_verb_is_refused_and_told_how() -> None:
    with pytest.raises(VerbError, match=r"call streamfw_core\.register\(Pin\)"):
        Activity(1, make_verb(), 2)


def test_an_activity_with_a_verb_whose_id_another_has_is_refused() -> None:
    with pytest.raises(DuplicateVerb, match="Love"):
        Activity(1, make_verb(3), 2)


def test_an_activity_with_the_bare_verb_class_is_refused() -> None:
    with pytest.raises(VerbError, match="needs an integer id"):
        Activity(1, Verb, 2)


def test_an_activity_with_an_unknown_verb_id_is_refused() -> None:
    with pytest.raises(VerbNotFound, match="99"):
        Activity(1, 99, 2)
