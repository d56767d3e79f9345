"""The projects that tutorials build: made of the page alone, built, installed beside what is here, and tested.

A page has the whole of each file in blocks that begin with its name, `# src/.../plugin.py`,
and in ```console blocks the commands that make folders and empty files, in an empty folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

__all__ = ["Project"]

_FILE = re.compile(r"^```\w+\n# ([\w./-]+\.\w+)(?:, continued)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MAKES = re.compile(r"^\$ ((?:mkdir|cd|touch) .*)$", re.MULTILINE)


class Project:
    """The project of one page.

    :param page: the tutorial.
    :param folder: an empty folder, in which the project and what is installed of it are made.
    """

    def __init__(self, page: Path, folder: Path) -> None:
        text = page.read_text(encoding="utf-8")
        commands = _MAKES.findall("\n".join(_CONSOLE.findall(text)))
        script = " && ".join([*commands, "pwd"])
        told = subprocess.run(["/bin/sh", "-c", script], check=True, cwd=folder, capture_output=True, text=True)
        self.folder = Path(told.stdout.strip())
        self._site = folder / "site"
        for name, code in _FILE.findall(text):
            with (self.folder / name).open("a", encoding="utf-8") as file:
                file.write(code)

    def install(self) -> None:
        """Build a wheel, and unpack it: nothing is fetched, and nothing stays."""
        self._python("-m", "hatchling", "build", "-t", "wheel")
        [wheel] = (self.folder / "dist").glob("*.whl")
        with ZipFile(wheel) as packed:
            packed.extractall(self._site)

    def run_tests(self) -> str:
        """Run pytest, with warnings as errors; returns what it printed.

        :raises AssertionError: a test fails.
        """
        return self._python("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--strict-markers")

    def plugins(self) -> str:
        """What `streamfw plugins --check` prints, which exits with 1 when a backend cannot be imported."""
        return self._python("-m", "streamfw_core", "plugins", "--check")

    def _python(self, *arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(self._site), "COLUMNS": "200"}
        ended = subprocess.run(
            [sys.executable, *arguments],
            check=False,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert ended.returncode == 0, f"{ended.stdout[-6000:]}\n{ended.stderr[-3000:]}"
        return ended.stdout
