"""Instances for whole pages: one query for each model, whatever the number of activities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from streamfw_core.errors import ArgumentError, given

from streamfw_core import AggregatedActivity
from streamfw_django.activities import ROLES, ModelActivity, Reference, is_reference

__all__ = ["actors_of", "objects_of", "prefetch", "targets_of"]

T = TypeVar("T")


def prefetch(
    activities: Iterable[T],
    *querysets: QuerySet[Any],
    roles: Iterable[str] = ROLES,
    using: str | None = None,
) -> list[T]:
    """Ask for the instances of activities, of groups of them, or of both, in one query for each model.

    ```python
    page = prefetch(feed[:25], User.objects.defer("password"), Photo.objects.prefetch_related("tags"))
    ```

    :param querysets: where the instances of a model come from, with all that a queryset can say;
        what such a queryset does not have is None, as if it were deleted.
        Other models are asked for through their base manager.
    :param roles: of `"actor"`, `"object"` and `"target"`, those that will be used.
    :param using: the database alias of the models that have no queryset here.
    :returns: the same objects in a list; activities that are no `ModelActivity` are left as they are.
    """
    page, roles = list(activities), tuple(roles)
    sources = {_concrete(queryset): queryset for queryset in map(_checked, querysets)}
    wanted: dict[type[Model], dict[Any, list[tuple[ModelActivity, str]]]] = defaultdict(lambda: defaultdict(list))
    for activity in _single(page):
        for role in roles:
            id = activity.id_of(role)
            if is_reference(id):
                reference = Reference.parse(id)
                if reference is None:
                    activity.set_instance(role, None)
                else:
                    wanted[reference.model][reference.pk].append((activity, role))
    for model, places in wanted.items():
        source = sources.get(model)
        if source is None:
            source = model._base_manager.using(using)
        found: Mapping[Any, Model] = source.in_bulk(places)
        for pk, uses in places.items():
            for activity, role in uses:
                activity.set_instance(role, found.get(pk))
    return page


def actors_of(group: AggregatedActivity) -> list[Any]:
    """The different actors of a group's activities at hand, the most recent first; not those that were deleted."""
    return _instances(group, "actor")


def objects_of(group: AggregatedActivity) -> list[Any]:
    """The different objects of a group's activities at hand, the most recent first; not those that were deleted."""
    return _instances(group, "object")


def targets_of(group: AggregatedActivity) -> list[Any]:
    """The different targets of a group's activities at hand, the most recent first; not those that were deleted."""
    return _instances(group, "target")


def _instances(group: AggregatedActivity, role: str) -> list[Any]:
    different = {getattr(activity, f"{role}_id"): activity for activity in group.activities}
    order = dict.fromkeys(getattr(activity, f"{role}_id") for activity in group.last_activities)
    found = (getattr(different[id], role) for id in order)
    return [instance for instance in found if instance is not None]


def _single(page: Iterable[object]) -> Iterator[ModelActivity]:
    for one in page:
        for activity in one.activities if isinstance(one, AggregatedActivity) else (one,):
            if isinstance(activity, ModelActivity):
                yield activity


def _checked(queryset: object) -> QuerySet[Any]:
    if not isinstance(queryset, QuerySet):
        raise ArgumentError(
            f"prefetch() takes querysets after the activities, got {given(queryset)}:"
            " such as User.objects.select_related('profile')"
        )
    return queryset


def _concrete(queryset: QuerySet[Any]) -> type[Model]:
    model: type[Model] = queryset.model._meta.concrete_model
    return model
