"""What the driver raises and the server answers, as errors of streamfw."""

from __future__ import annotations

from redis import exceptions
from streamfw_core.errors import StorageError

__all__ = ["failed", "may_pass", "was_sent"]

HINTS = {
    "NOAUTH": "it wants a password: set `password` (and `username`) in the storage's options",
    "WRONGPASS": "it refuses the user name or password in the storage's options",
    "NOPERM": "the user in the storage's options may not do this: see the page on Redis for what it must be allowed",
    "OOM": "it is full (maxmemory): nothing was written; give it more memory, or delete something",
    "MISCONF": "it cannot save to its disk and therefore takes no writes: see its log",
    "WRONGTYPE": "a key of this storage has a value of another type, so something else wrote to it: look with `redis-cli TYPE KEY`",
    "READONLY": "it is a replica and takes no writes: name the master, or use redis+sentinel:// or redis+cluster://",
    "LOADING": "it is still loading its data",
    "CLUSTERDOWN": "the cluster has no master for some slots",
}

PASSING = ("LOADING", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "MOVED", "ASK", "BUSY", "NOREPLICAS")
"""What may be different in a moment."""


def code_of(error: BaseException) -> str:
    """The first word of what a server answered, or ''."""
    text = str(error)
    # redis-py takes the word off where it has a class for it.
    names = {
        exceptions.NoScriptError: "NOSCRIPT",
        exceptions.ReadOnlyError: "READONLY",
        exceptions.BusyLoadingError: "LOADING",
        exceptions.OutOfMemoryError: "OOM",
        exceptions.NoPermissionError: "NOPERM",
        exceptions.AuthenticationError: "WRONGPASS",
        exceptions.MovedError: "MOVED",
        exceptions.AskError: "ASK",
        exceptions.TryAgainError: "TRYAGAIN",
        exceptions.ClusterDownError: "CLUSTERDOWN",
        exceptions.MasterDownError: "MASTERDOWN",
    }
    for kind, name in names.items():
        if isinstance(error, kind):
            return name
    first = text.partition(" ")[0]
    if first.isupper():
        return first
    return next((code for code in (*PASSING, *HINTS) if f"{code} " in text), "")


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(error, exceptions.AuthenticationError):
        return False
    return isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError) or code_of(error) in PASSING


def was_sent(error: BaseException) -> bool:
    """Whether a request with this error may have been executed all the same."""
    return isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError)


def failed(error: BaseException, storage: str, where: str, what: str) -> StorageError:
    """The error for the caller.

    :param where: the server, such as `localhost:6379`.
    :param what: the feed, the namespace or the operation that it concerns.
    """
    hint = HINTS.get(code_of(error), "")
    words = f"{type(error).__name__}: {error}" if not isinstance(error, exceptions.ResponseError) else str(error)
    made = StorageError(
        f"storage {storage!r} (Redis at {where}) failed in {what}: {words}{f'. The server: {hint}' if hint else ''}",
        storage=storage,
    )
    made.__cause__ = error
    return made
