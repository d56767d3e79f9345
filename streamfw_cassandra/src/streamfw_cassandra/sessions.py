"""The connection to a cluster: made on first use, never shared with a forked child, and made anew after `close`."""

from __future__ import annotations

import inspect
import logging
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import cassandra.cluster
from attrs import define, field, frozen
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ExecutionProfile, Session
from cassandra.policies import (
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    TokenAwarePolicy,
)
from cassandra.query import ConsistencyLevel, PreparedStatement, tuple_factory
from streamfw_core.errors import ArgumentError, Problem, SettingsError

from streamfw_cassandra.failures import failed
from streamfw_cassandra.options import Options
from streamfw_cassandra.tables import Table

__all__ = ["READ", "WRITE", "Connected", "Prepared", "Sessions"]

PROTOCOL: Final = 5
"""Of Cassandra 4.0 and newer. Without it the driver begins with what no Apache Cassandra speaks."""
READ: Final = "streamfw.read"
WRITE: Final = "streamfw.write"
ROWS_PER_PAGE: Final = 2000
NODELAY: Final = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
"""Requests are small: one that waits until more is to be sent costs up to eight times its time."""


class _AsChosen(logging.Filter):
    """Leaves out that batches are of many feeds, and larger than nodes like: the driver would say so of each.

    What the storage's options choose is not worth a line a request; the nodes' own logs have it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        words = record.getMessage()
        return not (words.startswith("Server warning: ") and any(part in words for part in _OF_BATCHES))


_OF_BATCHES: Final = ("Unlogged batch covering", "exceeding specified threshold")

logging.getLogger("cassandra.protocol").addFilter(_AsChosen())


@frozen
class Prepared:
    """A statement that nodes know."""

    statement: Any
    has_long_key: bool = False
    """Whether a partition is chosen by several columns."""

    def bind(self, values: Sequence[Any]) -> Any:
        """The statement with values.

        :raises ArgumentError: one cannot be stored.
        """
        try:
            bound = self.statement.bind(values)
            if self.has_long_key:
                # Parts of a key have a length of two bytes. The driver would find out in the middle of sending.
                _ = bound.routing_key
        except (TypeError, ValueError, OverflowError, struct.error) as error:
            raise ArgumentError(f"a value cannot be stored on Cassandra: {str(error)[:300]}") from error
        return bound


@define(eq=False)
class Connected:
    """A session, and the statements that were prepared in it."""

    cluster: Any
    session: Any
    pid: int
    _prepared: dict[str, Prepared] = field(factory=dict)
    _by_table: dict[tuple[str, Table], Prepared] = field(factory=dict)

    def known(self, cql: str, table: Table) -> Prepared | None:
        """A statement that `prepare_for` has made."""
        return self._by_table.get((cql, table))

    def prepare_for(self, cql: str, table: Table) -> Prepared:
        """A prepared statement on a table; see `Table.named`."""
        statement = self._by_table[cql, table] = self.prepare(table.named(cql))
        return statement

    def prepare(self, cql: str) -> Prepared:
        """A prepared statement. `cql` has no values in it: each stands as `?`."""
        statement = self._prepared.get(cql)
        if statement is None:
            made: PreparedStatement = self.session.prepare(cql)
            # Every write has a stamp, so that nothing changes when it is sent again.
            made.is_idempotent = True
            self._prepared[cql] = statement = Prepared(made, len(made.routing_key_indexes or ()) > 1)
        return statement


class Sessions:
    """Where the session of one storage is, for all its threads.

    :param name: of the storage, for messages.
    :raises SettingsError: the driver does not take what the options give it, or a certificate cannot be read.
    """

    def __init__(self, name: str, options: Options) -> None:
        problems = [*_problems(options, f"storages.{name}.options")]
        if problems:
            raise SettingsError(problems)
        self.name = name
        self.options = options
        self._connected: Connected | None = None
        self._guard = (os.getpid(), threading.Lock())

    @property
    def nodes(self) -> list[str]:
        """The nodes as the settings name them, for messages."""
        return [f"{host}:{self.options.port}" for host in self.options.hosts]

    def connected(self) -> Connected:
        """The session of this process.

        :raises StorageError: no node can be reached.
        """
        found = self._connected
        if found is not None and found.pid == os.getpid():
            return found
        with self._lock:
            found = self._connected
            if found is None or found.pid != os.getpid():
                if found is not None:
                    _abandon(found.cluster)
                self._connected = found = self._connect()
            return found

    def known(self, cql: str, table: Table) -> Prepared | None:
        """A statement that was prepared in the session of this process, if there is one."""
        found = self._connected
        return None if found is None or found.pid != os.getpid() else found.known(cql, table)

    def close(self) -> None:
        with self._lock:
            found, self._connected = self._connected, None
        if found is None:
            return
        if found.pid == os.getpid():
            found.cluster.shutdown()
        else:
            _abandon(found.cluster)

    @property
    def _lock(self) -> threading.Lock:
        """One that no thread of a parent process held when this one was forked."""
        pid, lock = self._guard
        if pid != os.getpid():
            pid, lock = self._guard = (os.getpid(), threading.Lock())
        return lock

    def _connect(self) -> Connected:
        cluster: Any = None
        try:
            # Looks up the names of the nodes.
            cluster = Cluster(**_arguments(self.options))
            session: Session = cluster.connect()
        except Exception as error:
            if cluster is not None:
                cluster.shutdown()
            raise failed(error, self.name, self.nodes, "connecting") from error
        session.default_fetch_size = ROWS_PER_PAGE
        # That of `prepare`, which has no argument and no profile for it.
        session._default_timeout = self.options.timeout  # noqa: SLF001
        return Connected(cluster, session, os.getpid())


def _abandon(cluster: object) -> None:
    """Leave a cluster to the process that made it: here its threads are not, and nobody would end its shutdown."""
    forget: Callable[[object], None] | None = getattr(cassandra.cluster, "_discard_cluster_shutdown", None)
    if forget is not None:
        forget(cluster)


_TAKEN: Final = {"contact_points", "execution_profiles", "load_balancing_policy", "default_retry_policy", "row_factory"}
"""Arguments of the driver that are made of other options."""


def _problems(options: Options, path: str) -> Iterator[Problem]:
    """What would not work whatever the nodes say."""
    known = inspect.signature(Cluster.__init__).parameters.keys() - _TAKEN
    for name in options.driver_options:
        if name not in known:
            words = "is made of other options" if name in _TAKEN else "is no argument of the driver's Cluster"
            yield Problem(f"{path}.driver_options.{name}", words, "leave it out")
    if options.tls:
        try:
            _tls(options)
        except OSError as error:
            named = {key: getattr(options, key) for key in ("tls_ca", "tls_certificate", "tls_key")}
            files = ", ".join(f"{key} {file!r}" for key, file in named.items() if file is not None)
            hint = "files of certificates and keys in PEM format that this process may read"
            yield Problem(f"{path}.tls", f"cannot be set up with {files}: {error.strerror or error}", hint)


def _arguments(options: Options) -> Mapping[str, Any]:
    return {
        "contact_points": [*options.hosts],
        "port": options.port,
        "auth_provider": None
        if options.username is None
        else PlainTextAuthProvider(options.username, options.password or ""),
        "ssl_context": _tls(options) if options.tls else None,
        "protocol_version": PROTOCOL,
        "connect_timeout": options.connect_timeout,
        "control_connection_timeout": options.connect_timeout,
        "sockopts": NODELAY,
        # The driver's own waits up to ten minutes after a node was away for long.
        "reconnection_policy": ExponentialReconnectionPolicy(0.5, 10.0, max_attempts=None),
        "execution_profiles": {
            READ: _profile(options, options.read_consistency),
            WRITE: _profile(options, options.write_consistency),
            cassandra.cluster.EXEC_PROFILE_DEFAULT: _profile(options, options.read_consistency),
        },
        **options.driver_options,
    }


def _profile(options: Options, consistency: str) -> ExecutionProfile:
    more = {}
    if options.speculative_delay is not None:
        more["speculative_execution_policy"] = ConstantSpeculativeExecutionPolicy(
            options.speculative_delay, options.speculative_attempts
        )
    return ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(options.local_dc or "")),
        consistency_level=ConsistencyLevel.name_to_value[consistency],
        request_timeout=options.timeout,
        row_factory=tuple_factory,
        **more,
    )


def _tls(options: Options) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.tls_ca)
    context.check_hostname = options.tls_check_hostname
    if options.tls_certificate is not None:
        context.load_cert_chain(options.tls_certificate, options.tls_key)
    return context
