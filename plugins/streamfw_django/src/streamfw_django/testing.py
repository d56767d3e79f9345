"""Feeds of their own for each test: what one test publishes no other sees, and no server keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, get_args
from unittest import TestCase
from uuid import uuid4

import attrs
from streamfw_core.errors import ArgumentError, given
from streamfw_core.feeds.binding import Binding
from streamfw_core.plugins.known import DEFAULT_STORAGE
from streamfw_core.settings import QueueSettings, Settings, StorageSettings
from streamfw_core.storage.protocol import Storage

from streamfw_core import Feed, Streams, set_default_streams
from streamfw_django.application import resolve_settings

__all__ = ["IsolatedFeeds", "isolated_feeds"]

Where = Literal["memory", "prefix"]


@contextmanager
def isolated_feeds(where: Where = "memory") -> Iterator[Streams]:
    """Make an application the default one whose feeds are empty, and which is gone afterwards.

    It is that of the project, but for where its feeds are: fan-out is done in the caller, and nothing is measured.

    :param where: `"memory"`: all storages are in memory;
        `"prefix"`: they are those of the settings, with a `prefix` of their own, which is emptied in the end.
        On backends that have no such option use the memory.
    :raises ArgumentError: another word.
    """
    _check_where(where)
    settings = resolve_settings()
    streams = _Isolated(attrs.evolve(settings, storages=_moved(settings, where), task_queue=QueueSettings(), metrics=()))
    before = set_default_streams(streams)
    try:
        yield streams
    finally:
        set_default_streams(before)
        streams.forget()


class IsolatedFeeds:
    """Goes before a test case of Django, whose tests then have feeds of their own, and `self.streams`.

    ```python
    class WallTests(IsolatedFeeds, TestCase): ...
    ```

    What `setUpTestData` publishes goes elsewhere, and no test sees it: publish in `setUp`.
    """

    feeds_in: ClassVar[Where] = "memory"
    """Where they are, see `isolated_feeds`."""
    streams: Streams
    """The application of the test."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_where(cls.feeds_in, f"{cls.__name__}.feeds_in")
        before = cls.__mro__[: cls.__mro__.index(IsolatedFeeds)]
        # The one of unittest does not call the methods of what comes after it.
        if TestCase in before:
            case = next(one for one in before if issubclass(one, TestCase) and not issubclass(one, IsolatedFeeds))
            bases = f"{cls.__name__}(IsolatedFeeds, {case.__name__})"
            raise ArgumentError(f"{cls.__name__} isolates nothing: IsolatedFeeds goes before the test case, class {bases}")

    @classmethod
    def setUpClass(cls) -> None:
        """Give the class feeds of its own, into which `setUpTestData` publishes."""
        case: Any = cls
        case.enterClassContext(isolated_feeds(cls.feeds_in))
        super().setUpClass()  # type: ignore[misc]

    def setUp(self) -> None:
        """Give the test feeds of its own."""
        case: Any = self
        self.streams = case.enterContext(isolated_feeds(self.feeds_in))
        super().setUp()  # type: ignore[misc]


class _Isolated(Streams):
    """Knows what it has bound, and so what is to be emptied."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._used: dict[type[Feed], Binding] = {}

    def bind(self, feed_class: type[Feed]) -> Binding:
        binding = self._used[feed_class] = super().bind(feed_class)
        return binding

    def forget(self) -> None:
        spaces: dict[tuple[int, str], Storage] = {}
        for binding in self._used.values():
            spaces[id(binding.timelines), binding.spec.namespace] = binding.timelines
            if binding.activities is not None:
                spaces[id(binding.activities), binding.records] = binding.activities
        try:
            for (_, namespace), storage in spaces.items():
                storage.flush(namespace)
        finally:
            self.close()


def _check_where(where: object, what: str = "isolated_feeds()") -> None:
    if where not in get_args(Where):
        raise ArgumentError(f"{what} takes {' or '.join(map(repr, get_args(Where)))}, got {given(where)}")


def _moved(settings: Settings, where: Where) -> dict[str, StorageSettings]:
    if where == "memory":
        return {name: StorageSettings(name, DEFAULT_STORAGE) for name in settings.storages}
    prefix = f"test-{uuid4().hex}:"
    return {
        name: storage
        if storage.backend == DEFAULT_STORAGE
        else attrs.evolve(storage, options={**storage.options, "prefix": prefix})
        for name, storage in settings.storages.items()
    }
