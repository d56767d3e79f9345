"""The page about settings says what the resolver knows: every key, every default, every old name."""

from __future__ import annotations

import attrs
import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.plugins.known import OLD_NAMES
from streamfw_core.queues import inline, threads
from streamfw_core.settings import Settings, resolve
from streamfw_core.settings.schema import Key, schema
from streamfw_memory import storage as memory

from tests.docs.settings_page import PAGE, TABLES, rendered, tables_in

TEXT = PAGE.read_text(encoding="utf-8")


def test_its_tables_are_those_of_the_resolver() -> None:
    assert tables_in(TEXT) == [*TABLES]
    assert rendered(TEXT) == TEXT, "run: python -m tests.docs.settings_page"


def test_every_key_is_in_one_table() -> None:
    for key in schema():
        assert sum(shows(key.path) for shows in TABLES.values()) == 1


@pytest.mark.parametrize("key", schema(), ids=lambda key: key.path)
def test_the_resolver_takes_what_is_shown_and_nothing_beside_it(key: Key) -> None:
    *outer, last = key.path.replace("*", "some").split(".")
    source: object = {last: None, "nonsense": None}
    for name in reversed(outer):
        source = {name: source}
    with pytest.raises(SettingsError) as caught:
        resolve(source)
    unknown = {problem.path for problem in caught.value.problems if problem.message == "unknown key"}
    assert unknown == {".".join([*outer, "nonsense"])}


def test_everything_that_is_resolved_can_be_set() -> None:
    shown = {key.path.partition(".")[0] for key in schema()}
    assert shown == {field.name for field in attrs.fields(Settings)} - {"origins", "notes"}


@pytest.mark.parametrize(
    ("backend", "options"),
    [("inline", inline.Options), ("threads", threads.Options)],
)
def test_options_and_their_defaults_are_those_of_the_backend(backend: str, options: type[attrs.AttrsInstance]) -> None:
    cell = ", ".join(f"`{field.name}` {field.default}" for field in attrs.fields(options))
    assert f"| `{backend}` | {cell} |" in TEXT


def test_options_of_the_memory_storage_are_shown() -> None:
    cell = ", ".join(f"`{field.name}`" for field in attrs.fields(memory.Options))
    assert f"| `memory` | `memory://` | {cell} |" in TEXT


@pytest.mark.parametrize("name", OLD_NAMES)
def test_old_names_are_shown(name: str) -> None:
    assert f"`{name}`" in TEXT.partition("## Names of Stream-Framework")[2]
