"""The scripts that run in the server: Lua files, and the calls of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple

from attrs import field, frozen

from streamfw_redis.packing import bulk

__all__ = ["Call", "Script", "call", "command", "known", "script"]

READING = {"read", "count", "locate", "find", "load", "members", "views"}
"""The last word in the names of scripts that write nothing."""


@frozen
class Script:
    """One script. `by_hash` and `by_source` are what a request with three more parts begins with."""

    name: str
    source: bytes
    sha: bytes = field(init=False)
    writes: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1(self.source, usedforsecurity=False).hexdigest().encode())
        object.__setattr__(self, "writes", self.name.rpartition("_")[2] not in READING)


class Call(NamedTuple):
    """One request.

    :param script: None: `tail` is a whole command.
    :param size: how many parts `tail` has.
    :param tail: the number of keys, the keys and the arguments, packed.
    :param bucket: where the keys are; None: any node will do.
    """

    script: Script | None
    size: int
    tail: bytes
    bucket: int | None

    @property
    def writes(self) -> bool:
        """Whether it may change something; plain commands of ours do not."""
        return self.script is not None and self.script.writes

    def by_hash(self) -> bytes:
        if self.script is None:
            return b"*%d\r\n%b" % (self.size, self.tail)
        return b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n%b" % (self.size + 2, self.script.sha, self.tail)

    def by_source(self) -> bytes:
        """For a server that does not have the script."""
        if self.script is None:
            return self.by_hash()
        return b"*%d\r\n%b%b" % (self.size + 2, bulk((b"EVAL", self.script.source)), self.tail)


def command(*parts: bytes, bucket: int | None = 0) -> Call:
    """A plain command."""
    return Call(None, len(parts), bulk(parts), bucket)


_known: list[Script] = []


@cache
def script(name: str, *libraries: str, first: str | None = None) -> Script:
    """A script by the name of its file, after the libraries that it uses, and after what comes before these."""
    parts = [*([first] if first else []), "shared", *libraries, name]
    made = Script(name, b"".join(map(_source, parts)))
    _known.append(made)
    return made


def known() -> list[Script]:
    """All scripts that were made in this process."""
    return [*_known]


def call(script: Script, bucket: int, keys: Iterable[bytes], arguments: Iterable[bytes]) -> Call:
    """A call with few keys and arguments."""
    given, more = [*keys], [*arguments]
    return Call(script, 1 + len(given) + len(more), bulk((b"%d" % len(given), *given, *more)), bucket)


def _source(name: str) -> bytes:
    return files("streamfw_redis").joinpath("lua", f"{name}.lua").read_bytes()
