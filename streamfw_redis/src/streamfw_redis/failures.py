"""What the driver raises and the server answers, as errors of streamfw."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import TypeVar

from redis import exceptions
from streamfw_core.errors import StorageError

__all__ = ["at", "code_of", "failed", "may_pass", "not_replicated", "redirect_of", "where_of"]

Failure = TypeVar("Failure", bound=BaseException)

HINTS = {
    "NOAUTH": "it wants a password: set `password` (and `username`) in the storage's options",
    "WRONGPASS": "it refuses the user name or password in the storage's options",
    "NOPERM": "the user in the storage's options may not do this: see the page on Redis for what it must be allowed",
    "OOM": "it is full (maxmemory): nothing was written; give it more memory, or delete something",
    "MISCONF": "it cannot save to its disk and therefore takes no writes: see its log",
    "WRONGTYPE": "something else wrote to a key of this storage, which has a value of another type: `redis-cli TYPE KEY` tells",
    "MALFORMED": "it holds for this feed what streamfw did not write, or what was damaged: deleting the feed makes it usable",
    "READONLY": "it is a replica and takes no writes: name the master, or use redis+sentinel:// or redis+cluster://",
    "LOADING": "it is still loading its data: wait, or set a longer `retry_for`",
    "MASTERDOWN": "it is a replica that has lost its master",
    "CLUSTERDOWN": "the cluster has no master for some slots: see `redis-cli cluster info`",
    "MOVED": "it is a node of a cluster: use redis+cluster://",
    "CROSSSLOT": "it is a node of a cluster: use redis+cluster://",
    "TRYAGAIN": "a slot is being moved, which takes longer than `retry_for`: the same will work when it has moved",
    "ASK": "a slot is being moved, which takes longer than `retry_for`: the same will work when it has moved",
    "NOREPLICAS": "too few replicas are there or keep up: the write may be lost with the master, and must be tried again",
    "BUSY": "somebody's script runs for too long: see its log",
    "NO_CLUSTER": "it is not in cluster mode: use redis://",
    "NO_MASTER": "is `service` the name that the sentinels know, and are `nodes` sentinels?",
    "TLS": "is it TLS that this port speaks, and do `ssl_ca_certs` and the like in `driver_options` fit its certificate?",
    "NO_REDIS": "what answers at this address is no Redis: look at `host`, `port` and `tls`",
    "SLOW": "it did not answer within `timeout` or `connect_timeout`: is it stopped, overloaded, or behind a firewall?",
    "UNREACHABLE": "is it running, and is its address in the settings right: the URL, or `host` and `port`, or `nodes`?",
}
"""By the first word of the answer, or by a word of ours."""

PASSING = frozenset(
    ("LOADING", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "MOVED", "ASK", "BUSY", "NOREPLICAS", "NOSCRIPT")
)
"""What may be different in a moment."""

_CLASSES = (
    # The driver takes the word off where it has a class for it; which ones it has depends on its version.
    (exceptions.NoScriptError, "NOSCRIPT"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.OutOfMemoryError, "OOM"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.MovedError, "MOVED"),
    (exceptions.AskError, "ASK"),
    (exceptions.TryAgainError, "TRYAGAIN"),
    (exceptions.MasterDownError, "MASTERDOWN"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
    (exceptions.ClusterCrossSlotError, "CROSSSLOT"),
)
_NETWORK = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)
_INSIDE = re.compile(r"\b(?:OOM|MISCONF|WRONGTYPE|READONLY|NOREPLICAS|MASTERDOWN|NOPERM|CLUSTERDOWN)\b")
_IN_SCRIPT = re.compile(r",? script: [0-9a-f]{40}, on @user_script:\d+\.?\Z")
_SAYINGS = {"cluster support disabled": "NO_CLUSTER", "SENTINEL": "NO_MASTER"}
_AT = "Redis at "


def code_of(error: BaseException) -> str:
    """The first word of what a server answered, or ''."""
    text = str(error)
    if isinstance(error, exceptions.AuthenticationError):
        return "NOAUTH" if "required" in text else "WRONGPASS"
    for kind, code in _CLASSES:
        if isinstance(error, kind):
            return code
    if isinstance(error, _NETWORK):
        return ""
    first = text.partition(" ")[0]
    if first in HINTS or first in PASSING:
        return first
    # What fails in a script may have its word in the middle of the text.
    found = _INSIDE.search(text)
    return found[0] if found else ""


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError) or _in_tls(error):
        return False
    return isinstance(error, _NETWORK) or code_of(error) in PASSING


def not_replicated(reached: object, wanted: int, seconds: float) -> exceptions.ResponseError:
    """The error of writes that too few replicas have."""
    return exceptions.ResponseError(
        f"NOREPLICAS {reached} of {wanted} replicas have what was written after {seconds:g} s"
    )


def at(address: str, error: Failure) -> Failure:
    """The error, with a note that says which server it is from."""
    error.add_note(f"{_AT}{address}")
    return error


def where_of(error: BaseException) -> str:
    """The address of the server that an error is from, or ''."""
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(_AT)]
    return notes[0][len(_AT) :] if notes else ""


def redirect_of(error: BaseException) -> tuple[int, str, int]:
    """Which slot MOVED or ASK is about, and the address that it names. A host that is left out is the one that answered."""
    slot, named = str(error).split(" ")[-2:]
    host, _, port = named.rpartition(":")
    return int(slot), host or where_of(error).rpartition(":")[0], int(port)


def failed(error: BaseException, storage: str, where: str, what: str) -> StorageError:
    """The error for the caller.

    :param where: the server, such as `localhost:6379`, when the error does not say it.
    :param what: the feed, the namespace or the operation that it concerns.
    """
    code = code_of(error)
    hint = HINTS.get(code or _kind_of(error), "")
    words = _said(error) if isinstance(error, exceptions.ResponseError) else f"{type(error).__name__}: {error}"
    if code not in words:
        words = f"{code} {words}"
    made = StorageError(
        f"storage {storage!r} (Redis at {where_of(error) or where}) failed in {what}: {words.rstrip('.')}."
        f"{f' The server: {hint}' if hint else ''}",
        storage=storage,
    )
    made.__cause__ = error
    return made


def _said(error: BaseException) -> str:
    """What a server answered, without where in a script that happened."""
    return _IN_SCRIPT.sub("", str(error))


def _kind_of(error: BaseException) -> str:
    """What failed where no server said a word."""
    if _in_tls(error):
        return "TLS"
    if type(error).__name__ == "MasterNotFoundError":
        return "NO_MASTER"
    if isinstance(error, exceptions.InvalidResponse):
        return "NO_REDIS"
    if isinstance(error, exceptions.ResponseError):
        return next((kind for words, kind in _SAYINGS.items() if words in str(error)), "")
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return "SLOW"
    return "UNREACHABLE" if isinstance(error, exceptions.ConnectionError | OSError) else ""


def _in_tls(error: BaseException) -> bool:
    """Whether the handshake failed, which trying again does not change."""
    return any(
        isinstance(cause, ssl.SSLCertVerificationError) or getattr(cause, "reason", None) == "WRONG_VERSION_NUMBER"
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
