"""What the settings say about a Redis storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, lt, optional
from streamfw_core.errors import Problem, SettingsError
from streamfw_core.settings import options_in_query, structure_options

from streamfw_redis.urls import ELSEWHERE, NODE, read_url

__all__ = ["Mode", "Options", "address", "parse"]

TEN_DAYS = 864_000.0
CLUSTER_BUCKETS = 128


Mode = Literal["single", "sentinel", "cluster"]
"""What the servers are to each other."""

SECONDS: Any = and_(gt(0), lt(10**9))


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
    mode: Mode = "single"
    service: str = "mymaster"
    db: int = field(default=0, validator=ge(0))
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    tls: bool = False
    prefix: str = "streamfw:"
    buckets: int | None = field(default=None, validator=optional(and_(ge(0), le(16_384))))
    tombstone_ttl: float = field(default=TEN_DAYS, validator=SECONDS)
    timeout: float = field(default=5.0, validator=SECONDS)
    connect_timeout: float = field(default=2.0, validator=SECONDS)
    retry_for: float = field(default=10.0, validator=and_(ge(0), lt(10**9)))
    wait_replicas: int = field(default=0, validator=ge(0))
    driver_options: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def tags(self) -> int:
        """How many buckets there are; 0: keys have no tag."""
        if self.buckets is None:
            return CLUSTER_BUCKETS if self.mode == "cluster" else 0
        return self.buckets


def parse(name: str, options: Mapping[str, object]) -> Options:
    """The options of a storage, from a URL, a mapping, or both (the mapping wins).

    :raises SettingsError: with every problem and its path.
    """
    path = f"storages.{name}.options"
    rest = dict(options)
    url = rest.pop("url", None)
    try:
        said = {} if url is None else read_url(url)
    except ValueError as error:
        hint = "such as 'redis://localhost:6379/0' or 'redis+cluster://10.0.0.1:6379,10.0.0.2:6379'"
        raise SettingsError([Problem(f"{path}.url", f"cannot be read: {error}", hint)]) from None
    if url is not None:
        said |= options_in_query(Options, str(url), path, without=ELSEWHERE)
    parsed = structure_options(Options, said | rest, path)
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
    if options.mode == "cluster" and options.tags == 0:
        found.append(
            Problem(f"{path}.buckets", "must be 1 or more on a cluster", f"leave it out for {CLUSTER_BUCKETS}")
        )
    if options.mode == "cluster" and options.db:
        found.append(Problem(f"{path}.db", "must be 0: a cluster has one database", "leave it out"))
    if options.mode == "sentinel" and not options.nodes:
        found.append(
            Problem(f"{path}.nodes", "must name the sentinels", "such as ['10.0.0.1:26379', '10.0.0.2:26379']")
        )
    if options.unix_socket is not None and (options.mode != "single" or options.tls):
        found.append(Problem(f"{path}.unix_socket", "is for one server without TLS", "leave out `mode` and `tls`"))
    found += [
        Problem(f"{path}.nodes", f"must be a list of 'host:port', has {node!r}", "such as ['10.0.0.1:6379']")
        for node in options.nodes
        if not NODE.fullmatch(node)
    ]
    return found


def address(node: str) -> tuple[str, int]:
    """Host and port of `"host:port"`; an IPv6 address may have its brackets."""
    host, _, port = node.rpartition(":")
    return host.strip("[]"), int(port)
