"""The program of Cassandra, which Maven fetches once, and the Java that runs it.

python -m tests.services.jars fetches it, and needs nothing but Python, Maven and Java.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

VERSION = "STREAMFW_CASSANDRA_VERSION"
"""Asks for another version: a key of `VERSIONS`, or a whole one such as 5.0.3."""

CACHE = "STREAMFW_CASSANDRA_CACHE"
"""Names another folder than ~/.cache/streamfw-tests for what is fetched; every version has one of its own in there."""

JAVA = "STREAMFW_CASSANDRA_JAVA"
"""Names the program `java` of another Java 17 than those that are found."""

VERSIONS = {"4.1": "4.1.10", "5.0": "5.0.9"}
"""The newest of each, the last being the one that is run unless another is asked for."""

_JAVA_VERSION = 17
_DEBIAN = Path("/usr/lib/jvm")
_SAID = re.compile(r'version "(\d+)')
_WHOLE = re.compile(r"\d+\.\d+[\w.-]*")
_PATIENCE = 240.0  # less than a test may take
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>streamfw</groupId>
  <artifactId>tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.cassandra</groupId>
      <artifactId>cassandra-all</artifactId>
      <version>{version}</version>
    </dependency>
  </dependencies>
</project>
"""


class CassandraMissing(Exception):
    """Says what is not there, and what to do about it."""


class CassandraJars(NamedTuple):
    """What runs a server."""

    version: str
    java: Path
    folder: Path
    """Of the jars."""


def find_cassandra() -> CassandraJars:
    """What `VERSION` asks for; fetched the first time, which takes about a minute.

    :raises CassandraMissing: there is no Java 17 or no Maven here, or Maven does not get it.
    """
    java = _find_java()
    version = _version()
    return CassandraJars(version, java, _fetched(version))


def _version() -> str:
    asked = os.environ.get(VERSION) or [*VERSIONS][-1]
    version = VERSIONS.get(asked, asked)
    if not _WHOLE.fullmatch(version):
        raise ValueError(f"{asked!r} is no version of Cassandra, such as {' or '.join(VERSIONS)}; look at {VERSION}")
    return version


def _find_java() -> Path:
    found = {path: _java_version(path) for path in _candidates()}
    java = next((path for path, version in found.items() if version == _JAVA_VERSION), None)
    if java is None:
        others = "".join(f"; {path} is {version or 'none that runs'}" for path, version in found.items())
        how = f"install openjdk-{_JAVA_VERSION}-jre-headless, or name the java of another in {JAVA}"
        raise CassandraMissing(f"there is no Java {_JAVA_VERSION} here, which Cassandra needs{others}: {how}")
    return java


def _candidates() -> list[Path]:
    named = os.environ.get(JAVA)
    if named:
        return [Path(named)]
    found = shutil.which("java")
    installed = sorted(_DEBIAN.glob(f"java-1.{_JAVA_VERSION}*/bin/java")) + sorted(
        _DEBIAN.glob(f"java-{_JAVA_VERSION}-*/bin/java")
    )
    return [*([Path(found)] if found else []), *installed]


def _java_version(java: Path) -> int | None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([java, "-version"], check=False, capture_output=True, text=True, timeout=30)
        said = _SAID.search(done.stderr)
        return int(said[1]) if said else None
    return None


def _fetched(version: str) -> Path:
    cache = cache_folder()
    folder = cache / f"cassandra-{version}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise CassandraMissing(f"Cassandra {version} is not in {cache}, and no mvn on PATH can fetch it: install maven")
    cache.mkdir(parents=True, exist_ok=True)
    with alone(folder.with_suffix(f"{folder.suffix}.lock")):
        if not folder.is_dir():
            _fetch(Path(maven), version, folder)
    return folder


def _fetch(maven: Path, version: str, folder: Path) -> None:
    """The folder appears when everything is in it: whoever sees it may use it."""
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as made:
        pom, jars = Path(made, "pom.xml"), Path(made, "jars")
        pom.write_text(_POM.format(version=version), encoding="utf-8")
        command = [
            str(maven),
            "-B",
            "-q",
            "-f",
            str(pom),
            _PLUGIN,
            "-DincludeScope=runtime",
            f"-DoutputDirectory={jars}",
        ]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE
            )
        except subprocess.TimeoutExpired as error:
            again = "run python -m tests.services.jars, which goes on with what Maven has"
            raise CassandraMissing(f"{maven} did not fetch Cassandra {version} in {_PATIENCE:g} s: {again}") from error
        if done.returncode or not any(jars.glob("cassandra-all-*.jar")):
            said = "\n".join((done.stdout + done.stderr).splitlines()[:10])
            raise CassandraMissing(f"{maven} does not get Cassandra {version}; look at {VERSION}. It says:\n{said}")
        jars.rename(folder)


def cache_folder() -> Path:
    """Where tests keep what they have fetched."""
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "streamfw-tests").absolute()


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """One process at a time; the others wait."""
    with file.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the file, and with the process
        yield


if __name__ == "__main__":
    try:
        print("{0.version} {0.java} {0.folder}".format(find_cassandra()))
    except CassandraMissing as missing:
        sys.exit(f"tests.services.jars: {missing}")
