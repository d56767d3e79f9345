"""What the `feeds.py` of the installed apps have: feed classes, and managers that workers must find by their names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

from django.apps import apps
from streamfw_core.errors import Problem, SettingsError
from streamfw_core.feeds.assembling import path_of

from streamfw_core import Feed, Manager

__all__ = ["feed_classes", "feeds_modules", "known_feeds", "manager_classes", "manager_paths", "undecided_managers"]

T = TypeVar("T")


def feeds_modules() -> list[ModuleType]:
    """The modules `feeds` of the installed apps, in the order of `INSTALLED_APPS`."""
    names = [f"{config.name}.feeds" for config in apps.get_app_configs()]
    return [sys.modules[name] for name in names if name in sys.modules]


def feed_classes() -> list[type[Feed]]:
    """The feed classes that these modules define."""
    return [*_defined(Feed)]


def manager_classes() -> list[type[Manager]]:
    """The managers that these modules define; not those that do not say who follows whom, which are to be subclassed."""
    return [*filter(_says_who_follows, _defined(Manager))]


def undecided_managers() -> list[Manager]:
    """The managers that these modules make of classes that do not say who follows whom."""
    values = (value for module in feeds_modules() for value in vars(module).values())
    # Not isinstance, which would make lazy objects work out what they are.
    return [value for value in values if issubclass(type(value), Manager) and not _says_who_follows(type(value))]


def known_feeds() -> dict[str, type[Feed]]:
    """Name -> feed class: of these modules, and of their managers."""
    of_managers = (cls for one in manager_classes() for cls in (one.user_feed_class, *one.feed_classes.values()))
    return {cls.name: cls for cls in (*of_managers, *feed_classes())}


def manager_paths() -> dict[str, str]:
    """Name -> path of these managers, as settings list them.

    :raises SettingsError: two have one name.
    """
    found: dict[str, type[Manager]] = {}
    problems = []
    for cls in manager_classes():
        present = found.setdefault(cls.name, cls)
        if present is not cls:
            message = f"{path_of(present)} and {path_of(cls)} have the same name"
            problems.append(Problem(f"managers.{cls.name}", message, "set name = '...' on one of them"))
    if problems:
        raise SettingsError(problems)
    return {name: f"{cls.__module__}:{cls.__qualname__}" for name, cls in found.items()}


def _says_who_follows(cls: type[Manager]) -> bool:
    return (
        cls.get_user_follower_ids is not Manager.get_user_follower_ids
        or cls.get_user_follower_page is not Manager.get_user_follower_page
    )


def _defined(base: type[T]) -> Iterator[type[T]]:
    for module in feeds_modules():
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, base) and _is_of(value, module):
                yield value


def _is_of(cls: type, module: ModuleType) -> bool:
    """Whether it is defined there, or within a package of that name, rather than imported from elsewhere."""
    return f"{cls.__module__}.".startswith(f"{module.__name__}.")
