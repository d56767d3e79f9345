"""The tables of docs/settings.md that are made from what the resolver knows; `python -m tests.docs.settings_page` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from streamfw_core.settings.schema import Key, schema

from tests.docs.pages import DOCS

PAGE: Final = DOCS / "settings.md"

_MARKED: Final = re.compile(r"(<!-- keys: (\S+) -->\n).*?(<!-- end of keys -->)", re.DOTALL)

TABLES: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "all": lambda path: "." not in path,
        "storages": lambda path: path.startswith("storages.*."),
        "feeds": lambda path: path.startswith("feeds.*."),
        "task_queue": lambda path: path.startswith("task_queue."),
        "metrics": lambda path: path.startswith("metrics."),
    }
)
"""The names of the tables, as markers in the page have them, and which keys each shows."""


def table(name: str) -> str:
    keys = [key for key in schema() if TABLES[name](key.path)]
    rows = ["| key | what it says | what to write | without |", "|---|---|---|---|", *map(_row, keys)]
    return "".join(f"{row}\n" for row in rows)


def _row(key: Key) -> str:
    return f"| `{key.path.rpartition('.')[2]}` | {key.says} | {key.takes} | {key.default or 'an error'} |"


def rendered(text: str) -> str:
    """The page with its tables as they should be."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{table(found[2])}\n{found[3]}", text)


def tables_in(text: str) -> list[str]:
    return [found[2] for found in _MARKED.finditer(text)]


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
