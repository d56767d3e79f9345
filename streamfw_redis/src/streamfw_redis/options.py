"""What the settings say about a Redis storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, optional
from streamfw_core.errors import Problem, SettingsError
from streamfw_core.settings import structure_options

__all__ = ["Mode", "Options", "address", "parse"]

TEN_DAYS = 864_000.0
CLUSTER_BUCKETS = 128
SCHEMES = "redis://, rediss://, redis+unix://, redis+sentinel:// or redis+cluster://"


class Mode(StrEnum):
    """What the servers are to each other."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@frozen
class Options:
    """A Redis storage.

    :param host: of the server, where `nodes` names no others.
    :param nodes: `"host:port"` of the sentinels, or of some nodes of the cluster.
    :param unix_socket: the path of a socket, instead of a host.
    :param service: the name by which the sentinels know the master.
    :param tls: whether connections are encrypted; certificates and the like are `driver_options`.
    :param prefix: what every key begins with.
    :param buckets: into how many slots of a cluster the keys are put; 0: keys have no such tag, and a cluster is no option.
        It cannot be changed for data that exists.
    :param tombstone_ttl: seconds for which removals are remembered.
    :param timeout: seconds that one answer may take.
    :param connect_timeout: seconds that connecting may take.
    :param retry_for: seconds for which an operation is tried again that met a server which restarts, fails over or moves a slot.
    :param wait_replicas: how many replicas must have a write before it counts. Replication does not wait by itself, so with 0 a
        write that was acknowledged is lost when its master dies at once. With more, writes fail while so many are not there.
        Replicas get half of `timeout` for it.
    :param driver_options: more arguments for redis-py's connections, such as `ssl_ca_certs` or `client_name`;
        on a cluster also `address_remap`, a function from the (host, port) of a node to the one that is used here.
    """

    host: str = "localhost"
    port: int = field(default=6379, validator=and_(ge(1), le(65535)))
    nodes: Sequence[str] = ()
    unix_socket: str | None = None
    mode: Mode = Mode.SINGLE
    service: str = "mymaster"
    db: int = field(default=0, validator=ge(0))
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    tls: bool = False
    prefix: str = "streamfw:"
    buckets: int | None = field(default=None, validator=optional(and_(ge(0), le(16_384))))
    tombstone_ttl: float = field(default=TEN_DAYS, validator=gt(0))
    timeout: float = field(default=5.0, validator=gt(0))
    connect_timeout: float = field(default=2.0, validator=gt(0))
    retry_for: float = field(default=10.0, validator=ge(0))
    wait_replicas: int = field(default=0, validator=ge(0))
    driver_options: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def tags(self) -> int:
        """How many buckets there are; 0: keys have no tag."""
        if self.buckets is None:
            return CLUSTER_BUCKETS if self.mode is Mode.CLUSTER else 0
        return self.buckets


def parse(name: str, options: Mapping[str, object]) -> Options:
    """The options of a storage, from a URL, a mapping, or both (the mapping wins).

    :raises SettingsError: with every problem and its path.
    """
    path = f"storages.{name}.options"
    given = dict(options)
    url = given.pop("url", None)
    said = _from_url(url, path) if isinstance(url, str) else {}
    parsed = structure_options(Options, said | given, path)
    problems = [*_problems(parsed, path)]
    if problems:
        raise SettingsError(problems)
    return parsed


def _problems(options: Options, path: str) -> list[Problem]:
    found = []
    if set("{}") & set(options.prefix):
        found.append(
            Problem(f"{path}.prefix", "must not contain braces, which choose a slot of a cluster", "such as 'feeds:'")
        )
    if options.mode is Mode.CLUSTER and options.tags == 0:
        found.append(
            Problem(f"{path}.buckets", "must be 1 or more on a cluster", f"leave it out for {CLUSTER_BUCKETS}")
        )
    if options.mode is Mode.CLUSTER and options.db:
        found.append(Problem(f"{path}.db", "must be 0: a cluster has one database", "leave it out"))
    if options.mode is Mode.SENTINEL and not options.nodes:
        found.append(
            Problem(f"{path}.nodes", "must name the sentinels", "such as ['10.0.0.1:26379', '10.0.0.2:26379']")
        )
    found += [
        Problem(f"{path}.nodes", f"must be a list of 'host:port', has {node!r}", "such as ['10.0.0.1:6379']")
        for node in options.nodes
        if not node.rpartition(":")[2].isdigit()
    ]
    return found


_NUMBERS = {"db", "port", "buckets", "wait_replicas"}
_SECONDS = {"tombstone_ttl", "timeout", "connect_timeout", "retry_for"}
_TEXTS = {"prefix", "username", "password", "sentinel_username", "sentinel_password", "service"}


def _from_url(url: str, path: str) -> dict[str, object]:
    """What a URL says; its query may have the options that are numbers or texts."""
    try:
        return _read_url(url)
    except ValueError as error:
        hint = "such as 'redis://localhost:6379/0' or 'redis+cluster://10.0.0.1:6379,10.0.0.2:6379'"
        raise SettingsError([Problem(f"{path}.url", f"cannot be read: {error}", hint)]) from None


def _read_url(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in {"redis", "rediss"} or kind not in {"", "unix", "sentinel", "cluster"}:
        raise ValueError(f"its scheme must be {SCHEMES}")
    said: dict[str, object] = {"tls": scheme == "rediss"}
    credentials, _, servers = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    said |= {key: unquote(text) for key, text in (("username", username), ("password", password)) if text}
    database = parts.path.strip("/")
    if kind == "unix":
        said["unix_socket"] = unquote(parts.path)
        database = ""
    elif kind:
        said["mode"] = kind
        said["nodes"] = [_with_port(node, 26379 if kind == "sentinel" else 6379) for node in servers.split(",") if node]
        if kind == "sentinel" and database:
            service, _, database = database.partition("/")
            said["service"] = unquote(service)
    else:
        said |= {"host": parts.hostname or "localhost", "port": parts.port or 6379}
    if database:
        said["db"] = _number("the database", database)
    for key, text in parse_qsl(parts.query, strict_parsing=bool(parts.query)):
        if key in _NUMBERS:
            said[key] = _number(key, text)
        elif key in _SECONDS:
            said[key] = _seconds(key, text)
        elif key in _TEXTS:
            said[key] = text
        else:
            known = ", ".join(sorted({*_NUMBERS, *_SECONDS, *_TEXTS}))
            raise ValueError(f"its query has {key!r}, and may have {known}; for others give a mapping of options")
    return said


def address(node: str) -> tuple[str, int]:
    """Host and port of `"host:port"`; an IPv6 address may have its brackets."""
    host, _, port = node.rpartition(":")
    return host.strip("[]"), int(port)


def _with_port(node: str, port: int) -> str:
    return node if node.rpartition(":")[2].isdigit() and ":" in node else f"{node}:{port}"


def _number(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{key} must be a whole number, is {text!r}")
    return int(text)


def _seconds(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{key} must be a number of seconds, is {text!r}") from None
