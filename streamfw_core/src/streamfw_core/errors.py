"""Every error that streamfw raises on purpose, in one place.

Each derives from `StreamsError` and, where Python has a word for the mistake, from that built-in too, so that
`except ValueError` keeps working.
A message says what happened, where, what would have been right and what to do next;
what a program may want to know is in attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = [
    "ActivityNotFound",
    "ActivityTypeError",
    "AggregatorError",
    "ArgumentError",
    "BackendBroken",
    "BackendConflict",
    "BackendNotFound",
    "CursorError",
    "DecodeError",
    "DuplicateActivity",
    "DuplicateManager",
    "DuplicateVerb",
    "EncodeError",
    "FactChanged",
    "FanoutFailed",
    "FeedConflict",
    "FilterError",
    "FollowerIdsError",
    "FollowersUnknown",
    "IdError",
    "InputFileError",
    "ManagerError",
    "ManagerNotFound",
    "MessageError",
    "MissingObject",
    "NotFannedOut",
    "NotInFeed",
    "OrderingError",
    "PluginBroken",
    "Problem",
    "QueueClosed",
    "QueueUnavailable",
    "SettingsError",
    "SliceError",
    "StorageError",
    "StreamsError",
    "TimeError",
    "Unsupported",
    "VerbError",
    "VerbNotFound",
    "WriteFailed",
]


class StreamsError(Exception):
    """Base of all errors raised by streamfw."""


# --- what people put in ------------------------------------------------------------------------------------------


class ArgumentError(StreamsError, TypeError):
    """Something of a kind that a call, or an attribute of a feed class, does not take."""


class IdError(StreamsError, ValueError):
    """An id of a person or a thing, or an activity id, that cannot be one."""


class TimeError(StreamsError, ValueError):
    """A time that an activity cannot have."""


class ActivityTypeError(StreamsError, TypeError):
    """Something that is not an activity of the class that the feed keeps."""


class MissingObject(StreamsError, AttributeError):
    """`activity.actor` (or `object`, `target`) was asked for, and only its id is known."""


class FactChanged(StreamsError, AttributeError):
    """An attribute that an activity's id is made of was to be set."""


class EncodeError(StreamsError, TypeError):
    """A value that cannot be serialized and come back equal. `path` says where it stands."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class VerbError(StreamsError, ValueError):
    """A verb that is not usable: no id, no infinitive, not registered."""


class DuplicateVerb(VerbError):
    """Two verb classes with one id."""


class VerbNotFound(StreamsError, LookupError):
    """No verb is registered under this id."""


class FilterError(StreamsError, ValueError):
    """An unknown field, operator or value in `filter`."""


class OrderingError(StreamsError, ValueError):
    """An ordering that feeds do not have."""


class SliceError(StreamsError, IndexError):
    """A negative index or a step."""


class CursorError(StreamsError, ValueError):
    """A page cursor that this feed did not make."""


class InputFileError(StreamsError, ValueError):
    """A file that cannot be read as what it should be. `path` and `line` (from 1, or None) say where."""

    def __init__(self, message: str, *, path: str, line: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.line = line


# --- what is stored ----------------------------------------------------------------------------------------------


class ActivityNotFound(StreamsError, LookupError):
    """A timeline refers to an activity that the activity storage does not have (any more)."""


class NotInFeed(StreamsError, ValueError):
    """The position of an activity was asked for in a feed that does not show it."""


class DuplicateActivity(StreamsError, ValueError):
    """An activity was put into an aggregated activity that contains it already."""


class DecodeError(StreamsError, ValueError):
    """Stored bytes that are not an activity.

    `feed` is the key of the feed (or the namespace of the activity storage), `activity_id` the id; both are None
    while only the serializer has seen the bytes.
    """

    def __init__(self, message: str, *, feed: str | None = None, activity_id: int | None = None) -> None:
        super().__init__(message)
        self.feed = feed
        self.activity_id = activity_id


class StorageError(StreamsError):
    """A storage failed. `storage` is its name in the settings; the driver's own error is the cause."""

    def __init__(self, message: str, *, storage: str | None = None) -> None:
        super().__init__(message)
        self.storage = storage


class Unsupported(StreamsError, NotImplementedError):
    """A storage was asked for what its capabilities say that it cannot do."""


class WriteFailed(StorageError):
    """Some feeds of a batch could not be written; all others were.

    `failures` maps each owner to its error, `activity_ids` are those that were to be written.
    """

    def __init__(
        self,
        message: str,
        *,
        failures: Mapping[str, Exception],
        activity_ids: Sequence[int],
        storage: str | None = None,
    ) -> None:
        super().__init__(message, storage=storage)
        self.failures = dict(failures)
        self.activity_ids = tuple(activity_ids)


class FanoutFailed(StreamsError):
    """Parts of a fan-out were given up, after every other part had been done. `errors` has one error for each."""

    def __init__(self, message: str, errors: Sequence[Exception]) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


# --- how it is put together --------------------------------------------------------------------------------------


class FeedConflict(StreamsError, ValueError):
    """Two feed classes that would share a name, a key or an activity namespace."""


class ManagerError(StreamsError, ValueError):
    """A manager has an attribute that it cannot work with."""


class ManagerNotFound(StreamsError, LookupError):
    """A message names a manager that this process does not know."""


class AggregatorError(StreamsError, TypeError):
    """An aggregator returned what is no group key, or no groups."""


class FollowerIdsError(StreamsError, TypeError):
    """`get_user_follower_ids` returned something else than follower ids by priority."""


class FollowersUnknown(StreamsError, NotImplementedError):
    """A manager does not say who follows whom."""


class DuplicateManager(StreamsError, ValueError):
    """Two manager classes with one name."""


class MessageError(StreamsError, ValueError):
    """A task message that is not one of ours, or of a version that this release does not read."""


class QueueClosed(StreamsError, RuntimeError):
    """A message was enqueued after the task queue had been closed."""


class QueueUnavailable(StreamsError):
    """A task queue did not accept a message, as whoever keeps the messages cannot be reached.

    `queue` is its name in the settings; the driver's own error is the cause.
    """

    def __init__(self, message: str, *, queue: str | None = None) -> None:
        super().__init__(message)
        self.queue = queue


class NotFannedOut(QueueUnavailable):
    """A manager did its part, and the task queue could not be told: followers do not learn of it.

    `operation` is `add`, `remove`, `update`, `follow` or `unfollow`; `user_id` and `activity_ids` are what it concerns.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        user_id: int | str,
        activity_ids: Sequence[int] = (),
        queue: str | None = None,
    ) -> None:
        super().__init__(message, queue=queue)
        self.operation = operation
        self.user_id = user_id
        self.activity_ids = tuple(activity_ids)


class Problem(NamedTuple):
    """One thing wrong in the settings: where (`path`), what (`message`), and what would be right (`hint`)."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text} ({self.hint})" if self.hint else text


class SettingsError(StreamsError, ValueError):
    """The settings are wrong. `problems` has all of them, each with its path."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem in the settings" if count == 1 else f"{count} problems in the settings"
        super().__init__("\n  - ".join([f"{head}:", *(str(problem) for problem in self.problems)]))


class PluginBroken(StreamsError):
    """A plugin could not be loaded. `plugin` and `distribution` say which, `reason` why."""

    def __init__(self, message: str, *, plugin: str, distribution: str | None, reason: str) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.distribution = distribution
        self.reason = reason


class BackendNotFound(StreamsError, LookupError):
    """No installed plugin offers a backend of this `kind` and `name`.

    `suggestion` is the nearest name that would have been right, `install` the command that installs the backend;
    each is None when there is none.
    """

    def __init__(
        self, message: str, *, kind: str, name: str, suggestion: str | None = None, install: str | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name
        self.suggestion = suggestion
        self.install = install


class BackendConflict(StreamsError):
    """Two installed plugins offer one backend of this `kind` and `name`. `providers` names both with their versions."""

    def __init__(self, message: str, *, kind: str, name: str, providers: Sequence[str]) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name
        self.providers = tuple(providers)


class BackendBroken(StreamsError):
    """A backend is registered, but its code cannot be imported or does not fit.

    `kind`, `name` and `plugin` say which, `reason` why.
    """

    def __init__(self, message: str, *, kind: str, name: str, plugin: str, reason: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name
        self.plugin = plugin
        self.reason = reason


# --- how messages show what they were given ----------------------------------------------------------------------

_SHOWN = 120


def shown(value: object) -> str:
    """A value as messages quote it: its `repr`, but short, and without failing where `repr` fails.

    Integers of more than 4,300 digits have none, and the `repr` of somebody's object may ask a database that is gone.
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the message matters more than what keeps it from being complete
        return f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 23]}...{text[-20:]}"


def given(value: object) -> str:
    """A value and its type: `'1' (str)`."""
    return f"{shown(value)} ({type(value).__name__})"
