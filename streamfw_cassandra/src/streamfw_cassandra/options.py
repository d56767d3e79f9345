"""What the settings say about a Cassandra storage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, lt, optional
from streamfw_core.errors import Problem, SettingsError, given
from streamfw_core.settings import options_in_query, structure_options

__all__ = ["NAME", "Consistency", "Options", "parse"]

TEN_DAYS = 864_000.0

Consistency = Literal["ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM", "LOCAL_ONE", "ANY"]
"""How many replicas must answer, by Cassandra's names."""

SECONDS: Any = and_(gt(0), lt(10**9))
SOME: Any = and_(ge(1), lt(10**6))

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""What keyspaces, tables and columns are called: names that need no quotes."""


_HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,253}")
"""What a node may be called; international names in their ASCII form."""

_SHARED = {"activities", "notes"}
_CENTRE = re.compile(r"[A-Za-z0-9_.\- ]{1,100}")
"""What data centres may be called."""


@frozen
class Options:
    """A Cassandra storage.

    :param hosts: some of the nodes, which tell about the others: names or addresses, without the port.
    :param port: of the native protocol, on all nodes.
    :param keyspace: where the tables are.
    :param replication: asks for a keyspace that is not there to be made: the number of replicas,
        or their number by data centre. None: it must be there.
    :param read_consistency: how many replicas a read asks.
    :param write_consistency: how many replicas must have a write before it counts.
    :param username: for the password authenticator.
    :param tls: whether connections are encrypted.
    :param tls_ca: the path of the certificates that the nodes' are checked with; None: those of the system.
    :param tls_certificate: the path of the client's own certificate, and of its key in `tls_key`.
    :param tls_check_hostname: whether a node's certificate must be for its name or address.
    :param local_dc: the data centre whose nodes are asked; None: that of the first node that answers.
    :param speculative_delay: seconds after which a second node is asked too; None: never.
    :param speculative_attempts: how many more nodes are asked then.
    :param timeout: seconds that one answer may take.
    :param connect_timeout: seconds that connecting may take.
    :param retry_for: seconds for which an operation is tried again that met nodes which are down, slow or overloaded.
    :param requests: how many requests of one call are under way at once.
    :param batch_rows: how many rows one request writes at most.
    :param batch_bytes: how large it may become before. Nodes warn from 5 KiB and refuse from 50 KiB, unless they are told
        otherwise.
    :param slack: by how many entries a feed outgrows its length, in the mean, before what is too old is deleted; None: by its
        length, 256 at least, or 64 where it is grouped. Readers never see them.
    :param tables: names of tables, by the name of the feed. The others are made from the feed's name and key format.
    :param gc_grace: seconds for which tables that are made keep tombstones; None: `tombstone_ttl`, and not less than that.
    :param tombstone_ttl: seconds for which removals are remembered.
    :param driver_options: more arguments for the `Cluster` of cassandra-driver, such as `protocol_version` or `compression`.
    """

    hosts: Sequence[str] = ("localhost",)
    port: int = field(default=9042, validator=and_(ge(1), le(65_535)))
    keyspace: str = "streamfw"
    replication: int | Mapping[str, int] | None = None
    read_consistency: Consistency = "LOCAL_QUORUM"
    write_consistency: Consistency = "LOCAL_QUORUM"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    tls_check_hostname: bool = True
    local_dc: str | None = None
    speculative_delay: float | None = field(default=None, validator=optional(SECONDS))
    speculative_attempts: int = field(default=1, validator=SOME)
    timeout: float = field(default=10.0, validator=SECONDS)
    connect_timeout: float = field(default=5.0, validator=SECONDS)
    retry_for: float = field(default=10.0, validator=and_(ge(0), lt(10**9)))
    requests: int = field(default=32, validator=SOME)
    batch_rows: int = field(default=30, validator=SOME)
    batch_bytes: int = field(default=20_000, validator=SOME)
    slack: int | None = field(default=None, validator=optional(SOME))
    tables: Mapping[str, str] = field(factory=dict)
    gc_grace: int | None = field(default=None, validator=optional(and_(ge(0), lt(2**31))))
    tombstone_ttl: float = field(default=TEN_DAYS, validator=SECONDS)
    driver_options: Mapping[str, Any] = field(factory=dict, repr=False)


def parse(name: str, options: Mapping[str, object]) -> Options:
    """The options of a storage, from a URL, a mapping, or both (the mapping wins).

    The names that Stream-Framework's settings had are understood: `consistency_level`, for reads and writes,
    and `read_retry_attempts` and `write_retry_attempts`, which `retry_for` replaces.

    :raises SettingsError: with every problem and its path.
    """
    path = f"storages.{name}.options"
    rest = dict(options)
    url = rest.pop("url", None)
    try:
        said = {} if url is None else _of_url(url)
    except ValueError as error:
        hint = "such as 'cassandra://10.0.0.1,10.0.0.2:9042/feeds'"
        raise SettingsError([Problem(f"{path}.url", f"cannot be read: {error}", hint)]) from None
    if url is not None:
        said |= options_in_query(Options, str(url), path, without={"port", "keyspace"})
    parsed = structure_options(Options, said | _renamed(rest, path), path)
    problems = [*_problems(parsed, path)]
    if problems:
        raise SettingsError(problems)
    return parsed


def _renamed(options: dict[str, object], path: str) -> dict[str, object]:
    level = options.pop("consistency_level", None)
    for old in ("read_retry_attempts", "write_retry_attempts"):
        options.pop(old, None)
    if level is None:
        return options
    if isinstance(level, int) and not isinstance(level, bool) and level in _LEVELS:
        level = _LEVELS[level]
    if not isinstance(level, str):
        words = f"must be the name of a consistency level, is {given(level)}"
        raise SettingsError([Problem(f"{path}.consistency_level", words, "such as 'LOCAL_QUORUM'")])
    return {"read_consistency": level.upper(), "write_consistency": level.upper(), **options}


_LEVELS = {1: "ONE", 2: "TWO", 3: "THREE", 4: "QUORUM", 5: "ALL", 6: "LOCAL_QUORUM", 7: "EACH_QUORUM", 10: "LOCAL_ONE"}
"""By the numbers that the native protocol, and so the old settings, gave them."""


def _problems(options: Options, path: str) -> Iterator[Problem]:
    yield from _name_problems(options, path)
    if not options.hosts:
        yield Problem(f"{path}.hosts", "must name at least one node", "such as ['10.0.0.1', '10.0.0.2']")
    for feed, table in options.tables.items():
        if table in _SHARED:
            yield Problem(f"{path}.tables.{feed}", f"{table!r} is a table that all feeds share", "such as 'user_feed'")
    for place, host in enumerate(options.hosts):
        if not _HOST.fullmatch(host) or (":" in host and not _is_address(host)):
            words = f"must be a name or an address without a port, is {host[:60]!r}"
            yield Problem(f"{path}.hosts[{place}]", words, "such as '10.0.0.1', with `port` beside it")
    if options.read_consistency in {"ANY", "EACH_QUORUM"}:
        yield Problem(f"{path}.read_consistency", f"{options.read_consistency} is for writes", "such as 'LOCAL_QUORUM'")
    yield from _credential_problems(options, path)
    yield from _replication_problems(options.replication, path)
    if options.gc_grace is not None and options.gc_grace < options.tombstone_ttl:
        yield Problem(
            f"{path}.gc_grace",
            f"must not be less than tombstone_ttl ({options.tombstone_ttl:g}), or what was removed may come back",
            "leave it out, or set tombstone_ttl too",
        )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _name_problems(options: Options, path: str) -> Iterator[Problem]:
    names = {"keyspace": options.keyspace, **{f"tables.{feed}": table for feed, table in options.tables.items()}}
    for where, name in names.items():
        if not NAME.fullmatch(name):
            words = f"must be lower-case letters, digits and _, at most 48 and a letter first, is {name[:60]!r}"
            yield Problem(f"{path}.{where}", words, "such as 'feeds'")
    if len({*options.tables.values()}) < len(options.tables):
        yield Problem(f"{path}.tables", "gives two feeds one table", "give each a name of its own")


def _credential_problems(options: Options, path: str) -> Iterator[Problem]:
    if (options.tls_certificate is None) != (options.tls_key is None):
        yield Problem(f"{path}.tls_key", "must come with tls_certificate", "give both, or none")
    if not options.tls and (options.tls_ca or options.tls_certificate):
        yield Problem(f"{path}.tls", "must be true for certificates to be used", "tls: true")
    if options.password is not None and options.username is None:
        yield Problem(f"{path}.username", "must come with a password", "the name of a role that may log in")


def _replication_problems(replication: int | Mapping[str, int] | None, path: str) -> Iterator[Problem]:
    if replication is None:
        return
    replicas = replication if isinstance(replication, Mapping) else {"dc1": replication}
    if not replicas or any(number < 1 for number in replicas.values()):
        yield Problem(f"{path}.replication", "must be 1 or more", "3, or {'dc1': 3}")
    if not all(map(_CENTRE.fullmatch, replicas)):
        yield Problem(f"{path}.replication", "names no data centre", "such as {'dc1': 3}: see `nodetool status`")


# --- URLs --------------------------------------------------------------------------------------------------------


def _of_url(url: object) -> dict[str, object]:
    """The options that a URL means, without those in its query.

    :raises ValueError: it cannot be read. The words show no part of it that may be a password.
    """
    if not isinstance(url, str):
        raise ValueError(f"it must be a text, is {given(url)}")  # noqa: TRY004 (a wrong setting, like all here)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("its part after // is no address") from None
    if parts.scheme != "cassandra":
        raise ValueError("its scheme must be cassandra://")
    if parts.fragment or ("@" in url and "@" not in parts.netloc):
        raise ValueError("a '/', '?', '#' or '@' in a password must be written as %2F, %3F, %23 or %40")
    credentials, _, nodes = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    said: dict[str, object] = {
        key: unquote(text) for key, text in (("username", username), ("password", password)) if text
    }
    said |= _nodes(nodes)
    keyspace = parts.path.strip("/")
    if keyspace:
        said["keyspace"] = unquote(keyspace)
    return said


def _nodes(text: str) -> dict[str, object]:
    hosts: list[str] = []
    ports: set[str] = set()
    for node in filter(None, text.split(",")):
        host, colon, port = node.rpartition(":") if ":" in node.rpartition("]")[2] else (node, "", "")
        if ":" in host and not host.startswith("["):
            raise ValueError("an IPv6 address must stand in brackets, such as [::1]")
        hosts.append((host if colon else node).strip("[]"))
        if colon:
            ports.add(port)
    if len(ports) > 1:
        raise ValueError("all nodes must have one port")
    said: dict[str, object] = {"hosts": hosts} if hosts else {}
    if ports:
        said["port"] = _whole("the port", ports.pop())
    return said


def _whole(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{key} must be a whole number, is {text!r}")
    return int(text)
