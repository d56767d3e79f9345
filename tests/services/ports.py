"""Ports for servers."""

from __future__ import annotations

import secrets
import socket

BUS = 10_000
"""So much higher is the port on which the nodes of a cluster talk; only Redis 7 can be told another."""

_HOST = "127.0.0.1"
_DEFAULT_BUS = 16_379
_given: set[int] = set()


def free_port(*hosts: str) -> int:
    """A port that nothing listens on, nor on the one of its bus, at any of the hosts; without one, at 127.0.0.1.

    Not what the system gives for port 0: that is one of the ports of outgoing connections,
    so one of those may have it when a server starts again on its own,
    and a client that connects in a loop to a port where nothing listens may come to be connected to itself.
    """
    asked = hosts or (_HOST,)
    for host in asked:
        _check(host)
    for _ in range(1_000):
        port = 10_000 + secrets.randbelow(BUS)  # not `random`, which hypothesis seeds in every process alike
        wanted = [(host, number) for host in asked for number in (port, port + BUS)]
        if port != _DEFAULT_BUS and port not in _given and all(map(_is_free, wanted)):
            _given.add(port)
            return port
    raise OSError("no port between 10,000 and 20,000 is free, together with the one that is 10,000 higher")


def _check(host: str) -> None:
    if not _is_free((host, 0)):
        how = f"add it to those of this machine alone, on macOS with: sudo ifconfig lo0 alias {host}"
        raise OSError(f"this machine has no address {host}: {how}")


def _is_free(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(address)
        except OSError:
            return False
    return True
