"""Ports for servers."""

from __future__ import annotations

import secrets
import socket

BUS = 10_000
"""So much higher is the port on which the nodes of a cluster talk; only Redis 7 can be told another."""

_DEFAULT_BUS = 16_379
_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on, nor on the one of its bus.

    Not what the system gives for port 0: that is one of the ports of outgoing connections,
    so one of those may have it when a server starts again on its own,
    and a client that connects in a loop to a port where nothing listens may come to be connected to itself.
    """
    for _ in range(1_000):
        port = 10_000 + secrets.randbelow(BUS)  # not `random`, which hypothesis seeds in every process alike
        if port != _DEFAULT_BUS and port not in _given and _is_free(port) and _is_free(port + BUS):
            _given.add(port)
            return port
    raise OSError("no port between 10,000 and 20,000 is free, together with the one that is 10,000 higher")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
