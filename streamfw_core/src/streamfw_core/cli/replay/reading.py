"""Reading the two files of a replay: who follows whom, and what happened.

| file | columns | example |
|---|---|---|
| edges | follower, followed, weight | `298960 105232 1` |
| events | actor, object, timestamp (seconds since 1970), verb | `223789 213163 1341100972 MT` |

Columns are separated by blanks or tabs; empty lines and lines that start with `#` are passed over.
Gzip is known by its content, whatever the file is called.
"""

from __future__ import annotations

import stat
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from attrs import frozen

from streamfw_core.errors import InputFileError

__all__ = ["Events", "read_edges", "read_events"]

MAX_USER_ID = 2**63 - 1
MAX_TIMESTAMP = 253_402_300_799  # the end of the year 9999, where Python's times end
_PIECE = 1 << 16
_LOOKED_AT = 4096
_LONGEST_LINE = 1 << 20
_GZIP_BITS = 16 + zlib.MAX_WBITS
_SHOWN = 60

_EDGE = ("follower followed weight", "298960 105232 1")
_EVENT = ("actor object timestamp verb", "223789 213163 1341100972 MT")

_GZIP = b"\x1f\x8b"
_ARCHIVES = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}


@frozen
class Events:
    """What happened, in time order, as columns: half a million events in a few megabytes.

    :param verbs: for each event, the place of its verb in `verb_names`.
    """

    actors: Sequence[int]
    objects: Sequence[int]
    times: Sequence[int]
    verbs: Sequence[int]
    verb_names: Sequence[str]

    def __len__(self) -> int:
        return len(self.times)


def read_edges(path: Path) -> Iterator[tuple[int, int]]:
    """The edges of the follow graph: pairs (follower, followed).

    :raises InputFileError: a line or the file is not what it should be.
    """
    empty = True
    for number, line in _lines(path):
        fields = line.split()
        if len(fields) != 3 or not (fields[0].isdigit() and fields[1].isdigit() and fields[2].isdigit()):
            if not fields or fields[0].startswith(b"#"):
                continue
            _refuse(path, number, fields, _EDGE)
        follower, followed = int(fields[0]), int(fields[1])
        if follower > MAX_USER_ID or followed > MAX_USER_ID:
            _refuse(path, number, fields, _EDGE)
        empty = False
        yield follower, followed
    if empty:
        raise _file_error(path, f"it has no edges; every line is {_EDGE[0]!r}, such as {_EDGE[1]!r}")


def read_events(path: Path, verb_names: Sequence[str], limit: int | None = None) -> Events:
    """The events in time order; those of one second in the order of the file.

    :param verb_names: the verbs that there are.
    :param limit: only so many, the earliest.
    :raises InputFileError: a line or the file is not what it should be.
    """
    columns = actors, objects, times, verbs = array("q"), array("q"), array("q"), array("B")
    known = {name.encode(): place for place, name in enumerate(verb_names)}
    in_order, latest = True, 0
    for number, line in _lines(path):
        fields = line.split()
        if (
            len(fields) != 4
            or not (fields[0].isdigit() and fields[1].isdigit() and fields[2].isdigit())
            or fields[3] not in known
        ):
            if not fields or fields[0].startswith(b"#"):
                continue
            _refuse(path, number, fields, _EVENT, known)
        actor, object, time = int(fields[0]), int(fields[1]), int(fields[2])
        if actor > MAX_USER_ID or object > MAX_USER_ID or time > MAX_TIMESTAMP:
            _refuse(path, number, fields, _EVENT, known)
        in_order = in_order and time >= latest
        latest = time
        actors.append(actor)
        objects.append(object)
        times.append(time)
        verbs.append(known[fields[3]])
    if not times:
        raise _file_error(path, f"it has no events; every line is {_EVENT[0]!r}, such as {_EVENT[1]!r}")
    if not in_order:
        order = sorted(range(len(times)), key=times.__getitem__)
        columns = tuple(array(column.typecode, [column[place] for place in order]) for column in columns)  # type: ignore[assignment]
    if limit is not None:
        columns = tuple(column[:limit] for column in columns)  # type: ignore[assignment]
    return Events(*columns, verb_names)


# --- files ------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a text file, compressed with gzip or not; all that can be read come before the error."""
    number, rest = 0, b""
    try:
        with _opened(path) as chunks:
            for chunk in chunks:
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    number += 1
                    yield number, line
                if len(rest) > _LONGEST_LINE:
                    raise _file_error(path, "it is not text: the line does not end", number + 1)
    except EOFError:
        hint = "its compressed data ends too early: is the download complete? `gzip -t` tells"
        raise _file_error(path, hint, number + 1) from None
    except zlib.error as error:
        raise _file_error(path, f"its compressed data is damaged ({error}); `gzip -t` tells", number + 1) from None
    except OSError as error:
        raise _file_error(path, f"it cannot be read: {error.strerror or error}") from None
    if rest:
        yield number + 1, rest


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[bytes]]:
    """The text of a file, in pieces."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _file_error(path, _why_missing(path, error)) from None
    if stat.S_ISDIR(status.st_mode):
        raise _file_error(path, "it is a folder: name the file in it")
    if not stat.S_ISREG(status.st_mode):
        raise _file_error(path, "it is a pipe or a device, which cannot be read twice: save it as a file first")
    if status.st_size == 0:
        raise _file_error(path, "it is empty")
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT)
        file.seek(0)
        pieces = iter(lambda: file.read(_PIECE), b"")
        if start.startswith(_GZIP):
            yield _unpacked(pieces)
            return
        for magic, name in _ARCHIVES.items():
            if start.startswith(magic):
                raise _file_error(path, f"it is a {name} archive: unpack it first; plain text and gzip are understood")
        if b"\0" in start:
            raise _file_error(path, "it is a binary file; plain text and gzip are understood")
        yield pieces


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What gzip packed (RFC 1952), which may be several members one after the other.

    Not `gzip.GzipFile`, which keeps back what comes before the place where the data ends too early.

    :raises EOFError: in the middle of a member.
    :raises zlib.error: the data does not fit its checksum, or is no gzip.
    """
    member = zlib.decompressobj(wbits=_GZIP_BITS)
    for piece in pieces:
        data = piece
        while data:
            if member.eof:
                member = zlib.decompressobj(wbits=_GZIP_BITS)
            yield member.decompress(data)
            # Zeros may fill up what follows a member.
            data = member.unused_data.lstrip(b"\0") if member.eof else b""
    if not member.eof:
        raise EOFError


def _why_missing(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        near = path.parent if path.parent.is_dir() else None
        return "there is no such file" if near else f"there is no such file, nor the folder {str(path.parent)!r}"
    return f"it cannot be read: {getattr(error, 'strerror', None) or error}"


# --- what is wrong with a line ----------------------------------------------------------------------------------


def _refuse(
    path: Path,
    number: int,
    fields: Sequence[bytes],
    form: tuple[str, str],
    verbs: Mapping[bytes, int] | None = None,
) -> NoReturn:
    """Say what is wrong with a line that was found to be wrong."""
    columns, example = form
    names = columns.split()
    try:
        texts = [field.decode() for field in fields]
    except UnicodeDecodeError:
        raise _file_error(path, "it is not text; plain text and gzip are understood", number) from None
    if any(not text.isprintable() for text in texts):
        raise _file_error(path, "it is not text; plain text and gzip are understood", number)
    if len(texts) != len(names):
        count = f"{len(texts)} column{'' if len(texts) == 1 else 's'}"
        message = f"{count}, {len(names)} expected: {columns!r}, such as {example!r}; got {_cut(texts)!r}"
        raise _file_error(path, message, number)
    for name, text in zip(names, texts, strict=True):
        problem = _wrong_verb(text, verbs) if name == "verb" else _wrong_number(name, text)
        if problem:
            raise _file_error(path, problem, number)
    raise AssertionError(f"nothing is wrong with line {number}: {texts}")


def _wrong_number(name: str, text: str) -> str | None:
    shown = repr(_cut([text]))
    if text.startswith("-") and text[1:].isdigit():
        return f"the {name} is negative ({shown}): it is a whole number of 0 or more"
    if not (text.isascii() and text.isdigit()):
        return f"the {name} is not a whole number: {shown}"
    limit = MAX_TIMESTAMP if name == "timestamp" else MAX_USER_ID
    if int(text) <= limit or name == "weight":
        return None
    hint = "seconds since 1970 are expected, not milliseconds" if name == "timestamp" else "ids are below 2**63"
    return f"the {name} is too large: {shown}; {hint}"


def _wrong_verb(text: str, verbs: Mapping[bytes, int] | None) -> str | None:
    if text.encode() in (verbs or {}):
        return None
    return f"the verb {_cut([text])!r} is not known: it is one of {', '.join(verb.decode() for verb in verbs or {})}"


def _cut(texts: Sequence[str]) -> str:
    text = " ".join(texts)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _file_error(path: Path, message: str, line: int | None = None) -> InputFileError:
    where = f"{path}, line {line}" if line is not None else f"{path}"
    return InputFileError(f"{where}: {message}", path=str(path), line=line)
