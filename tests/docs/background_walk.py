"""Executes docs/background-tasks.md as one who follows it: files, commands, workers and examples, from top to bottom.

Run in a folder with the files of `write_files`, as a process of its own: `python -m tests.docs.background_walk`.
REDIS_URL and BROKER_URL say where the servers are.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.docs.pages import DOCS, run_examples
from tests.services.workers import Worker

__all__ = ["PAGE", "commands", "walk", "write_files"]

PAGE = DOCS / "background-tasks.md"

_FILE = re.compile(
    r"(^<!-- skip[^\n]*-->\n+)?^```python\n# (proj/\w+\.py)(?:, ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_ID = re.compile(r"\b[0-9a-f]{32}\b")
"""How the page writes the id of its dead letter, which is another one every time."""

SECONDS = 60.0


def write_files(folder: Path, broker: str) -> Path:
    """Write the files of the page; returns the page without them, with each line where it was.

    :param broker: a word by which blocks for one kind of broker are known: others of them are left out.
    """
    text = PAGE.read_text(encoding="utf-8")
    (folder / "proj").mkdir()
    (folder / "proj/__init__.py").touch()
    for skipped, name, note, code in _FILE.findall(text):
        if skipped or ("continued" in note and broker not in note.lower()):
            continue
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(code)
    page = folder / PAGE.name
    page.write_text(_FILE.sub(_as_text, text), encoding="utf-8")
    return page


def _as_text(match: re.Match[str]) -> str:
    """A block of a file, that nobody executes."""
    return "\n" * (match[1] or "").count("\n") + match[0].removeprefix(match[1] or "").replace(
        "```python", "```text", 1
    )


def commands() -> list[str]:
    """What the page says to type."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return re.findall(r"^\$ (.*)$", "\n".join(blocks), re.MULTILINE)


class Shell:
    """Types commands; workers run on until one of another kind is started."""

    def __init__(self) -> None:
        self._kind = ""
        self._workers = ExitStack()
        self.worked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    def type(self, command: str) -> str:
        """Execute a command, and return what it prints; nothing of one that goes on working."""
        program, *arguments = shlex.split(command)
        if program == "export":
            name, _, value = arguments[0].partition("=")
            os.environ[name] = value
            return ""
        if "worker" in arguments:
            self._start(program, arguments)
            return ""
        real = _dead_letter() if _ID.search(command) else None
        if real:
            arguments = [_ID.sub(real, argument) for argument in arguments]
        done = subprocess.run(
            [_installed(program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            encoding="utf-8",
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        [shown] = {*_ID.findall(PAGE.read_text(encoding="utf-8"))}
        printed = re.sub(rf"\b{real or _dead_letter()}\b", shown, done.stdout)
        return "".join(f"{line.rstrip()}\n" for line in printed.splitlines())

    def _start(self, program: str, arguments: list[str]) -> None:
        kind = " ".join([program, *arguments[: arguments.index("worker")], os.environ["STREAMFW_SETTINGS"]])
        if kind != self._kind:
            self._workers.close()
            self._kind = kind
        ready = "ready: " if program == "streamfw" else " ready."
        worker = Worker([_installed(program), *arguments], ready=ready, cwd=Path.cwd(), within=SECONDS)
        self._workers.callback(worker.close)
        self._workers.callback(lambda: print(f"{worker} wrote:\n{worker.output()}"))
        worker.start()
        self.worked += 1


def _installed(program: str) -> str:
    beside = Path(sys.executable).with_name(program)
    found = str(beside) if beside.exists() else shutil.which(program)
    assert found is not None, f"there is no {program} beside {sys.executable}"
    return found


def _dead_letter() -> str:
    """The id of the only one, or of none."""
    done = subprocess.run(
        [_installed("streamfw"), "queue", "dead", "list", "--json"], capture_output=True, text=True, check=True
    )
    letters = json.loads(done.stdout)["dead_letters"]
    return str(letters[0]["id"]) if letters else "none"


def walk(page: Path) -> None:
    """Execute the page, and say how much of it that was."""
    sys.path.insert(0, str(Path.cwd()))
    with Shell() as shell:
        executed = run_examples(page, console=shell.type)
        print(f"walked: {executed} examples, {shell.worked} workers")


if __name__ == "__main__":
    walk(Path(sys.argv[1]))
