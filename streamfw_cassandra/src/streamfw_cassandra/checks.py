"""How each node is: for `streamfw doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from streamfw_core.doctor.findings import REACHABLE, VERSION, Finding, Now, compare_clocks, failure, ok, warning
from streamfw_core.errors import StorageError

if TYPE_CHECKING:
    from streamfw_cassandra.sessions import Connected, Sessions

__all__ = ["check"]

OLDEST: Final = (4, 1)
NEWEST: Final = (5,)
ABOUT: Final = "SELECT release_version, toTimestamp(now()) FROM system.local"
REACH: Final = "see that nodes run (`nodetool status`), and that the settings are right: `streamfw settings`"


def check(sessions: Sessions, now: Now) -> Iterator[Finding]:
    """Ask each node that this process would use for its version and its time."""
    name = f"storage {sessions.name!r}"
    try:
        connected = sessions.connected()
    except StorageError as error:
        yield failure(f"{name}, Cassandra at {', '.join(sessions.nodes)}", REACHABLE, str(error), REACH)
        return
    # Nodes of other data centres are none of this process's business.
    near = {pool.host for pool in connected.session.get_pools()}
    answered = 0
    for host in sorted(connected.cluster.metadata.all_hosts(), key=str):
        where = f"{name}, Cassandra at {host.endpoint}"
        if host in near:
            found = [*_check_one(connected, host, where, now)]
            answered += found[0].what == REACHABLE
            yield from found
        elif host.is_up is False:
            yield warning(where, "down", "this node is down; others may have what it has", "nodetool status")
    if not answered:
        yield failure(name, REACHABLE, "no node answers", REACH)


def _check_one(connected: Connected, host: Any, where: str, now: Now) -> Iterator[Finding]:
    said: list[str] = []

    def their_time() -> float:
        statement = connected.prepare(ABOUT).bind(())
        [(version, time)] = connected.session.execute(statement, host=host)
        said.append(version)
        return float(time.replace(tzinfo=UTC).timestamp())

    try:
        clock = compare_clocks(where, their_time, now)
    except Exception as error:  # noqa: BLE001 - whatever the driver raises
        yield warning(where, "down", f"this node does not answer ({type(error).__name__}: {error})", "nodetool status")
        return
    yield ok(where, REACHABLE, "it answers")
    yield _version(said[-1], where)
    yield clock


def _version(said: str, where: str) -> Finding:
    numbers = tuple(int(part) if part.isdigit() else 0 for part in said.split(".")[:2])
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return failure(where, VERSION, f"it is Cassandra {said}, and {oldest} or newer is needed", "upgrade the node")
    if numbers[:1] > NEWEST:
        message = f"it is Cassandra {said}, which this release was not tested with"
        return warning(
            where, VERSION, message, "see whether there is a newer release: python -m pip index versions streamfw"
        )
    return ok(where, VERSION, f"it is Cassandra {said}")
