"""What a built wheel or source distribution says, and the guard against the paths of the building machine.

Run it on the folder of the artifacts before they are uploaded: ``python tests/packaging/artifacts.py dist``.
It needs nothing but the standard library.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path


def metadata(artifact: Path) -> Message:
    """The core metadata of a wheel (METADATA) or a source distribution (the PKG-INFO at its root)."""
    for name, text in _metadata_files(artifact):
        if name.count("/") == 1:
            return Parser().parsestr(text)
    raise ValueError(f"{artifact} holds neither METADATA nor PKG-INFO; is it a wheel or a source distribution?")


def requirements(artifact: Path) -> list[str]:
    return [str(line) for line in metadata(artifact).get_all("Requires-Dist", [])]


def paths_inside(artifact: Path) -> list[str]:
    """The metadata lines that hold a path of the building machine; none may be published."""
    return [
        f"{artifact.name}, {name}: {line}"
        for name, text in _metadata_files(artifact)
        for line in text.splitlines()
        if "file:" in line
    ]


def files(artifact: Path) -> set[str]:
    if artifact.suffix == ".whl":
        with zipfile.ZipFile(artifact) as wheel:
            return set(wheel.namelist())
    with tarfile.open(artifact) as sdist:
        return set(sdist.getnames())


def _metadata_files(artifact: Path) -> Iterator[tuple[str, str]]:
    if artifact.suffix == ".whl":
        with zipfile.ZipFile(artifact) as wheel:
            for name in wheel.namelist():
                if name.endswith(".dist-info/METADATA"):
                    yield name, wheel.read(name).decode()
        return
    with tarfile.open(artifact) as sdist:
        for member in sdist:
            if member.name.endswith("/PKG-INFO") and (content := sdist.extractfile(member)) is not None:
                yield member.name, content.read().decode()


def main(folder: str) -> int:
    artifacts = sorted(path for path in Path(folder).glob("*") if path.name.endswith((".whl", ".tar.gz")))
    if not artifacts:
        print(f"{folder} holds no wheel and no source distribution", file=sys.stderr)
        return 2
    found = [line for artifact in artifacts for line in paths_inside(artifact)]
    for line in found:
        print(f"refused, built without STREAMFW_RELEASE=1: {line}", file=sys.stderr)
    if not found:
        print(f"{len(artifacts)} artifacts in {folder} may be published")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
