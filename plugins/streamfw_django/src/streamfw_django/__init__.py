"""streamfw in Django: settings, checks, commands, models and templates.

What is exported here is imported when it is first used: an app must be importable before Django is set up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamfw_django.activities import ModelActivity, reference_of
    from streamfw_django.application import make_streams
    from streamfw_django.committing import OnCommitManager, publish_on_commit
    from streamfw_django.paginator import CursorPage, CursorPaginator, FeedPaginator, InvalidCursor
    from streamfw_django.prefetching import actors_of, objects_of, prefetch, targets_of

__all__ = [
    "CursorPage",
    "CursorPaginator",
    "FeedPaginator",
    "InvalidCursor",
    "ModelActivity",
    "OnCommitManager",
    "actors_of",
    "make_streams",
    "objects_of",
    "prefetch",
    "publish_on_commit",
    "reference_of",
    "targets_of",
]

_HOMES = {
    "activities": ("ModelActivity", "reference_of"),
    "application": ("make_streams",),
    "committing": ("OnCommitManager", "publish_on_commit"),
    "paginator": ("CursorPage", "CursorPaginator", "FeedPaginator", "InvalidCursor"),
    "prefetching": ("actors_of", "objects_of", "prefetch", "targets_of"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
