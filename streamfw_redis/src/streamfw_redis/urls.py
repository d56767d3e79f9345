"""URLs of Redis storages: what each part of one says, as options."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

from streamfw_core.errors import given

__all__ = ["ELSEWHERE", "NODE", "read_url"]

NODE = re.compile(r"(?:[^:\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
"""A host, or an IPv6 address in brackets, and a port."""

SCHEMES = "redis://, rediss://, redis+unix://, redis+sentinel:// or redis+cluster://"
ELSEWHERE = {"host", "mode", "tls", "unix_socket"}
"""Options that no query has, as the scheme and the address say them."""


def read_url(url: object) -> dict[str, object]:
    """The options that a URL means, without those in its query.

    :raises ValueError: it cannot be read. The words show no part of it that may be a password.
    """
    parts = _split(url)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in {"redis", "rediss"} or kind not in {"", "unix", "sentinel", "cluster"}:
        raise ValueError(f"its scheme must be {SCHEMES}")
    credentials, _, servers = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    said: dict[str, object] = {
        key: unquote(text) for key, text in (("username", username), ("password", password)) if text
    }
    said["tls"] = scheme == "rediss"
    if kind == "unix":
        said |= _socket(parts, servers)
    elif kind:
        said |= _nodes(parts, kind, servers)
    else:
        said |= {"host": parts.hostname or "localhost", "port": _port(parts), **_database(parts.path.strip("/"))}
    return said


def _split(url: object) -> SplitResult:
    if not isinstance(url, str):
        raise ValueError(f"it must be a text, is {given(url)}")  # noqa: TRY004 (a wrong setting, like all here)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("its part after // is no address") from None
    if parts.fragment or ("@" in url and "@" not in parts.netloc):
        raise ValueError("a '/', '?', '#' or '@' in a password must be written as %2F, %3F, %23 or %40")
    return parts


def _socket(parts: SplitResult, servers: str) -> dict[str, object]:
    if servers or not parts.path.strip("/"):
        raise ValueError("it must have three slashes before the path of the socket: 'redis+unix:///run/redis.sock'")
    return {"unix_socket": unquote(parts.path)}


def _nodes(parts: SplitResult, kind: str, servers: str) -> dict[str, object]:
    port = 26379 if kind == "sentinel" else 6379
    said: dict[str, object] = {"mode": kind, "nodes": [_with_port(node, port) for node in servers.split(",") if node]}
    database = parts.path.strip("/")
    if kind == "sentinel" and database:
        service, _, database = database.partition("/")
        said["service"] = unquote(service)
    return said | _database(database)


def _with_port(node: str, port: int) -> str:
    return node if ":" in node.rpartition("]")[2] else f"{node}:{port}"


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or 6379
    except ValueError:
        raise ValueError("its port must be a whole number up to 65535") from None


def _database(text: str) -> dict[str, object]:
    return {"db": _number("the database", text)} if text else {}


def _number(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{key} must be a whole number, is {text!r}")
    return int(text)
