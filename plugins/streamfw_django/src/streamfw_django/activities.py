"""Activities of model instances: who, what and where to are instances, and come back as such.

What is stored of an instance is a text of its model and its primary key, `"shop.product:42"`:
it is the same in every database and process, and unlike the key alone it tells a product from a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Model
from streamfw_core.errors import IdError, MissingObject, shown
from streamfw_core.ids import Id

from streamfw_core import Activity, Verb

__all__ = ["ROLES", "ModelActivity", "Reference", "reference_of"]

ROLES: Final = ("actor", "object", "target")
"""What of an activity may be an instance."""


class Reference(NamedTuple):
    """An instance that can be asked for: its model, and its primary key as the model has it."""

    model: type[Model]
    pk: Any

    @classmethod
    def parse(cls, id: object) -> Reference | None:
        """What an id refers to; None: it is no reference, or its model or such a key does not exist (any more)."""
        label, found, text = id.partition(":") if isinstance(id, str) else ("", "", "")
        if not found or label.count(".") != 1:
            return None
        try:
            model = apps.get_model(label)
            return cls(model, _hashable(model._meta.pk.to_python(text)))
        except (LookupError, ValidationError, ValueError, TypeError):
            return None


def reference_of(instance: Model) -> str:
    """The text that stands for an instance in activities: `"shop.product:42"`.

    A proxy model counts as the model that it is a proxy of.

    :raises IdError: it has no primary key yet.
    """
    meta = instance._meta.concrete_model._meta
    if instance.pk is None:
        raise IdError(f"{shown(instance)} has no primary key: save it before making an activity of it")
    return f"{meta.label_lower}:{meta.pk.value_to_string(instance)}"


class ModelActivity(Activity):
    """An activity whose actor, object and target may be given as model instances.

    ```python
    class WallFeed(Feed):
        activity_class = ModelActivity

    activity = ModelActivity(request.user, Love, photo)
    activity.object_id  # -> 'photos.photo:...'
    activity.object  # -> <Photo: ...>
    ```

    Ids are taken as they are, as by `Activity`; there is no instance to them.
    `prefetch` asks for the instances of a whole page at once.
    """

    def __init__(
        self,
        actor: Any,
        verb: type[Verb] | Verb | int,
        object: Any,
        target: Any = None,
        time: datetime | None = None,
        extra_context: Mapping[str, Any] | None = None,
    ) -> None:
        given = {"actor": actor, "object": object, "target": target}
        instances = {role: value for role, value in given.items() if isinstance(value, Model)}
        ids = given | {role: reference_of(instance) for role, instance in instances.items()}
        super().__init__(ids["actor"], verb, ids["object"], ids["target"], time, extra_context)
        self._instances: dict[str, Model | None] = instances

    def set_instance(self, role: str, instance: Model | None) -> None:
        """Say what the instance of a role is, None: there is none any more, so that nobody asks for it.

        :raises IdError: it is another one than the activity is about.
        """
        if instance is None or (isinstance(instance, Model) and reference_of(instance) == self.id_of(role)):
            self._known()[role] = instance
        else:
            super()._set_object(role, instance)

    def id_of(self, role: str) -> Id | None:
        """The id of `"actor"`, `"object"` or `"target"`."""
        found: Id | None = getattr(self, f"{role}_id")
        return found

    def _set_object(self, name: str, value: Any) -> None:
        self.set_instance(name, value)

    def _object(self, name: str) -> Any:
        known = self._known()
        if name not in known:
            id = self.id_of(name)
            if not is_reference(id):
                return self._given(name)
            known[name] = _fetched(id)
        return known[name]

    def _given(self, role: str) -> Any:
        try:
            return super()._object(role)
        except MissingObject as error:
            error.silent_variable_failure = True  # type: ignore[attr-defined]  # templates show nothing, then
            raise

    def _known(self) -> dict[str, Model | None]:
        # An activity that was read is made without its __init__.
        known: dict[str, Model | None] = self.__dict__.setdefault("_instances", {})
        return known


def is_reference(id: object) -> bool:
    """Whether an id looks like one of an instance, be there such a model or not."""
    label, found, pk = id.partition(":") if isinstance(id, str) else ("", "", "")
    return bool(found and pk) and label.count(".") == 1 and label.replace(".", "").isidentifier()


def _fetched(id: object) -> Model | None:
    reference = Reference.parse(id)
    if reference is None:
        return None
    found: Model | None = reference.model._base_manager.filter(pk=reference.pk).first()
    return found


def _hashable(pk: Any) -> Any:
    """A composite key as Django has it at `instance.pk`."""
    return tuple(pk) if isinstance(pk, list) else pk
