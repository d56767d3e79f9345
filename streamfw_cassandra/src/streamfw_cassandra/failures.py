"""What the driver raises, as errors of streamfw."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final

import cassandra
from cassandra import connection
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import ProtocolException
from streamfw_core.errors import StorageError

__all__ = ["concerns_one_row", "failed", "lacks_table", "may_pass"]

PASSING: Final = (
    cassandra.OperationTimedOut,
    cassandra.Unavailable,
    cassandra.WriteTimeout,
    cassandra.ReadTimeout,
    cassandra.CoordinationFailure,
    connection.ConnectionException,
    NoHostAvailable,
    cassandra.UnresolvableContactPoints,
)
"""What may be different in a moment. Every statement of a storage may be sent twice."""

_BUSY: Final = {0x1001, 0x1002, 0x0000}
"""Overloaded, bootstrapping, and whatever went wrong inside the node."""

HINTS: Final = (
    (cassandra.AuthenticationFailed, "it wants the right `username` and `password` in the storage's options"),
    (
        cassandra.Unauthorized,
        "the role in the options may not do this: it needs SELECT and MODIFY on the keyspace, CREATE and ALTER for tables",
    ),
    (
        cassandra.Unavailable,
        "too few replicas are up for this consistency: see `nodetool status`, or ask for fewer in the storage's options",
    ),
    (cassandra.OperationTimedOut, "no answer within `timeout`: are the nodes overloaded, or behind a firewall?"),
    (cassandra.Timeout, "replicas did not answer in time: see the nodes' logs and load"),
    (cassandra.UnresolvableContactPoints, "do the names in `hosts` resolve here?"),
    (NoHostAvailable, "are the nodes running, and are `hosts`, `port`, `tls` and `local_dc` right?"),
)
_PROTOCOL: Final = "it speaks another version of the protocol: set `protocol_version` in `driver_options`"
_NO_TABLE: Final = ("unconfigured table", "does not exist", "Undefined column")
_SCHEMA: Final = "make the schema with `streamfw schema apply`, or with streams.prepare(...)"


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(error, StorageError):
        # Of connecting, which says so itself.
        return error.__cause__ is not None and may_pass(error.__cause__)
    if isinstance(error, NoHostAvailable):
        causes = [*_causes(error)]
        return not causes or any(map(may_pass, causes))
    if isinstance(error, cassandra.AuthenticationFailed | connection.ProtocolError):
        return False
    if isinstance(error, OSError):
        # Nobody listens there yet, or the network is not there. With certificates it is as it is.
        return not isinstance(error, ssl.SSLError)
    return isinstance(error, PASSING) or getattr(error, "code", None) in _BUSY


def concerns_one_row(error: BaseException) -> bool:
    """Whether a node refused what it was told to write, and not to write at all."""
    return isinstance(error, cassandra.InvalidRequest) and not lacks_table(error)


def failed(error: BaseException, storage: str, where: Sequence[str], what: str) -> StorageError:
    """The error for the caller.

    :param where: the nodes, as the settings name them.
    :param what: the feed, the namespace or the operation that it concerns.
    """
    if isinstance(error, StorageError):
        return error
    hint = _hint(error)
    made = StorageError(
        f"storage {storage!r} (Cassandra at {', '.join(where)}) failed in {what[:300]}: {_said(error)}."
        f"{f' Cassandra: {hint}' if hint else ''}",
        storage=storage,
    )
    made.__cause__ = error
    return made


def _said(error: BaseException) -> str:
    words = str(error).strip().rstrip(".")
    if isinstance(error, NoHostAvailable):
        words = "; ".join(f"{_name(cause)}: {str(cause).rstrip('.')}" for cause in _causes(error)) or "no node is known"
    if isinstance(error, cassandra.UnresolvableContactPoints):
        words = "no name of a node has an address"
    return f"{_name(error)}: {words[:600]}"


def _name(error: BaseException) -> str:
    return type(error).__name__


def _hint(error: BaseException) -> str:
    if lacks_table(error):
        return _SCHEMA
    # What a single node said tells more than that none could be asked.
    for cause in (*_causes(error), error):
        if _speaks_another_version(cause):
            return _PROTOCOL
        for kind, words in HINTS:
            if isinstance(cause, kind):
                return words
    return ""


def lacks_table(error: BaseException) -> bool:
    """Whether a node does not know what a statement is on."""
    return isinstance(error, cassandra.InvalidRequest) and any(words in str(error) for words in _NO_TABLE)


def _speaks_another_version(error: BaseException) -> bool:
    """The driver has several words for it, and says it in a plain `DriverException` where it was told a version."""
    return isinstance(error, connection.ProtocolError | ProtocolException) or "protocol_version" in str(error)


def _causes(error: BaseException) -> list[BaseException]:
    """What each node that was tried said."""
    found = getattr(error, "errors", None)
    if isinstance(error, NoHostAvailable) and isinstance(found, dict):
        return [cause for cause in found.values() if isinstance(cause, BaseException)]
    return []
