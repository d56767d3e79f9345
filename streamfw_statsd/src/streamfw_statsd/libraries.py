"""The two libraries that send to a statsd server. Both install a module `statsd`, so only one of them can be there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any, Protocol

from streamfw_core.errors import Problem, SettingsError

__all__ = ["Library", "PythonStatsd", "Sender", "Statsd"]

_SILENT = logging.getLogger(f"{__name__}.lost")
_SILENT.setLevel(logging.CRITICAL + 1)


class Sender(Protocol):
    """Sends lines of statsd's protocol to one address; what is lost on the way is lost."""

    def send(self, lines: Sequence[str]) -> None: ...

    def close(self) -> None: ...


class Library(Protocol):
    """Makes senders."""

    def connect(self, host: str, port: int) -> Sender:
        """Look the host up, which may take long.

        :raises OSError: it has no address.
        """
        ...


class Statsd:
    """The library `statsd`.

    :raises SettingsError: it is not there.
    """

    def __init__(self) -> None:
        self._make = _found("StatsClient", "statsd", "python-statsd")

    def connect(self, host: str, port: int) -> Sender:
        return _StatsdSender(self._make(host, port))


class PythonStatsd:
    """The library `python-statsd`.

    :raises SettingsError: it is not there.
    """

    def __init__(self) -> None:
        self._make = _found("Connection", "python-statsd", "statsd")

    def connect(self, host: str, port: int) -> Sender:
        return _PythonStatsdSender(self._make(host, port, sample_rate=1))


class _StatsdSender:
    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, lines: Sequence[str]) -> None:
        with self._client.pipeline() as packets:
            for line in lines:
                # Not its `incr` and `timing`: they know no tags, and would sample again what was sampled.
                packets._after(line)  # noqa: SLF001

    def close(self) -> None:
        self._client.close()


class _PythonStatsdSender:
    """One packet for each line: it puts no more into one."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        # It would log an error, with a traceback, for each packet that nobody takes.
        connection.logger = _SILENT

    def send(self, lines: Sequence[str]) -> None:
        for line in lines:
            stat, _, value = line.partition(":")
            self._connection.send({stat: value})

    def close(self) -> None:
        self._connection.udp_sock.close()


def _found(name: str, wanted: str, other: str) -> Any:
    """What the library has under this name, and the other library has not.

    :raises SettingsError: with what to install, and what to take away.
    """
    try:
        return getattr(import_module("statsd"), name)
    except ImportError:
        message = f"backend {wanted!r} needs the library {wanted!r}, which is not installed"
        hint = f'pip install "streamfw[{wanted}]"'
    except AttributeError:
        message = f"backend {wanted!r} needs the library {wanted!r}, and the module `statsd` here is that of {_named(other)}"
        hint = (
            f'pip uninstall -y {other} {wanted} && pip install "streamfw[{wanted}]", or name the backend {other!r}:'
            " both libraries install a module of this name"
        )
    raise SettingsError([Problem("metrics.backend", message, hint)]) from None


def _named(distribution: str) -> str:
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        return "something else"
