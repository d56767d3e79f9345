"""The npm package statsd, which npm fetches once, and the Node.js that runs it.

python -m tests.services.npm fetches it, and needs nothing but Python, Node.js and npm.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.services.jars import alone, cache_folder

VERSION = "0.9.0"
_PATIENCE = 240.0


class StatsdMissing(Exception):
    """Says what is not there, and what to do about it."""


class StatsdProgram(NamedTuple):
    """What runs a server."""

    node: Path
    folder: Path
    """Of the package."""


def find_statsd() -> StatsdProgram:
    """Fetched the first time, which takes some seconds.

    :raises StatsdMissing: there is no Node.js or no npm here, or npm does not get it.
    """
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        raise StatsdMissing("there is no Node.js here, which runs statsd: install nodejs and npm")
    cache = cache_folder()
    folder = cache / f"statsd-{VERSION}"
    if not folder.is_dir():
        npm = shutil.which("npm")
        if npm is None:
            raise StatsdMissing(f"statsd {VERSION} is not in {cache}, and no npm on PATH can fetch it: install npm")
        cache.mkdir(parents=True, exist_ok=True)
        with alone(cache / f"{folder.name}.lock"):
            if not folder.is_dir():
                _fetch(npm, folder)
    return StatsdProgram(Path(node), folder / "node_modules" / "statsd")


def _fetch(npm: str, folder: Path) -> None:
    """The folder appears when everything is in it: whoever sees it may use it."""
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as made:
        package = Path(made, "package")
        package.mkdir()
        command = [npm, "install", "--prefix", str(package), "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(
                [*command, f"statsd@{VERSION}"],
                check=False,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired as error:
            raise StatsdMissing(f"{npm} did not fetch statsd {VERSION} in {_PATIENCE:g} s: run it again") from error
        if done.returncode or not (package / "node_modules" / "statsd" / "stats.js").is_file():
            said = "\n".join((done.stdout + done.stderr).splitlines()[:10])
            raise StatsdMissing(f"{npm} does not get statsd {VERSION}. It says:\n{said}")
        package.rename(folder)


if __name__ == "__main__":
    try:
        print("{0.node} {0.folder}".format(find_statsd()))
    except StatsdMissing as missing:
        sys.exit(f"tests.services.npm: {missing}")
