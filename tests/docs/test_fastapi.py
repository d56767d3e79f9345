"""The page about FastAPI shows the errors that are answered, all of them, with their statuses."""

from __future__ import annotations

import re

from streamfw_fastapi import STATUS_OF

from tests.docs.pages import DOCS


def test_the_table_of_errors_is_complete() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|$", (DOCS / "fastapi.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: int(status) for name, status in rows} == {
        error.__name__: status for error, status in STATUS_OF.items()
    }
