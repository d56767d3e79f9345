"""Executes docs/django.md as one who follows it: files, commands and examples, from top to bottom, in an empty folder.

Run in that folder, as a process of its own: `python -m tests.docs.django_walk`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import unittest
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sybil import Example, Sybil

from tests.docs.pages import DOCS, _as_module, _evaluate, _evaluate_console, parsers_of

__all__ = ["PAGE", "walk"]

PAGE = DOCS / "django.md"

_FILE = re.compile(r"(?:#|\{#) ([\w/]+\.(?:py|html))(, continued)?(?: #\})?\n")
"""The first line of a block that is a file, or the end of one."""

SECONDS = 120.0


def walk(page: Path) -> None:
    """Execute the page, and say how much of it that was."""
    done = {"files": 0, "commands": 0, "examples": 0}

    def python(example: Example) -> None:
        if _FILE.match(example.parsed):
            write(example)
            return
        _set_up()
        _evaluate(example)
        done["examples"] += 1

    def write(example: Example) -> None:
        found = _FILE.match(example.parsed)
        assert found, f"{page.name}:{example.line}: the first line names no file"
        path = Path(found[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if found[2] else "w", encoding="utf-8") as file:
            file.write(example.parsed[found.end() :])
        done["files"] += 1

    def command(text: str) -> str:
        done["commands"] += 1
        return _type(text)

    evaluators: dict[str, Callable[[Example], None]] = {
        "python": python,
        "html+django": write,
        "console": partial(_evaluate_console, command),
    }
    document = Sybil(parsers_of(page, evaluators)).parse(page)
    with _as_module(document.namespace):
        for example in document.examples():
            try:
                example.evaluate()
            except unittest.SkipTest:
                continue
    print("walked:", done)


def _type(text: str) -> str:
    """Execute a command, and return what it prints."""
    program, *arguments = shlex.split(text)
    command = {"python": [sys.executable], "django-admin": [sys.executable, "-m", "django"]}[program]
    done = subprocess.run(
        [*command, *arguments], check=False, capture_output=True, text=True, timeout=SECONDS, encoding="utf-8"
    )
    assert done.returncode == 0, f"{text} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def _set_up() -> None:
    """What `manage.py shell` does, and a test client needs."""
    import django
    from django.apps import apps
    from django.test.utils import setup_test_environment

    if not apps.ready:
        os.environ["DJANGO_SETTINGS_MODULE"] = "proj.settings"
        sys.path.insert(0, str(Path.cwd()))
        django.setup()
        setup_test_environment()


if __name__ == "__main__":
    walk(PAGE)
