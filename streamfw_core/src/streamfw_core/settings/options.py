"""The options of a backend, from the mapping of the settings to the backend's own attrs class.

Backends call `structure_options`, so that all of them refuse a misspelt option
and a wrong type in the same words.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs

from streamfw_core.errors import Problem, SettingsError
from streamfw_core.settings.masking import mask_values
from streamfw_core.settings.model import FrozenMapping, secret_values
from streamfw_core.settings.report import Report, describe

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["structure_options"]

T = TypeVar("T")

_VALIDATOR = re.compile(r"'(?P<name>\w+)' (?P<must>must be (?:<|<=|>|>=) [^:]+): (?P<value>.+)\Z")


def structure_options(cls: type[T], options: Mapping[str, object], path: str) -> T:
    """Turn the options of a backend into its attrs class.

    Every key must be a field of the class, and every value of the field's type:
    a text is not taken for a number, nor `True` for 1, nor a single text for a list of texts.
    An `int` is taken where a `float` is wanted, and a list for any kind of sequence or set.
    Validators of the class run too.

    ```python
    @attrs.frozen
    class MyOptions:
        url: str
        pool_size: int = 10

    structure_options(MyOptions, {"url": "mydb://localhost"}, "storages.hot.options").pool_size  # -> 10
    ```

    :param cls: an attrs class, whose fields may be attrs classes in turn.
    :param path: where the options stand in the settings, for messages.
    :raises SettingsError: with all problems, each with its path; secrets are not quoted.
    """
    if not attrs.has(cls):
        raise TypeError(f"structure_options() needs an attrs class, got {cls!r}; decorate it with @attrs.frozen")
    if not isinstance(options, Mapping):
        raise SettingsError([Problem(path, f"must be a mapping, is {describe(options)}", "such as {...}")])
    try:
        return cast("T", _converter().structure(_thaw(options), cls))
    except Exception as error:  # noqa: BLE001 (reported, in our words)
        problems = _Problems(options)
        problems.collect(error, path, options, cls)
        # Not chained: the errors inside quote the values.
        raise SettingsError(problems.found) from None


class _WrongValue(Exception):
    """A value of the wrong type, in words that do not quote it."""


# --- what each type takes -----------------------------------------------------------------------------------


@cache
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    for plain in (bool, int, float, str, bytes):
        converter.register_structure_hook(plain, _plain)
    converter.register_structure_hook_func(lambda wanted: wanted in {object, Any}, lambda value, _: value)
    converter.register_structure_hook_func(_is_other_class, _instance)
    converter.register_structure_hook_func(_is_choice, _choice)
    converter.register_structure_hook_factory(_is_union, lambda wanted: _union(converter, wanted))
    converter.register_structure_hook_factory(_is_collection, lambda wanted: _collection(converter, wanted))
    converter.register_structure_hook_factory(_is_mapping, lambda wanted: _mapping(converter, wanted))
    converter.register_structure_hook_factory(attrs.has, lambda wanted: _nested(converter, wanted))
    return converter


def _plain(value: object, wanted: Any) -> Any:
    if _is_choice(wanted):  # an IntEnum or StrEnum, which cattrs takes for the int or str that it is
        return _choice(value, wanted)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise _WrongValue("must be a float, is an int that is too large for one") from None
    if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return value
    raise _wrong(value, wanted)


def _instance(value: object, wanted: Any) -> object:
    if isinstance(value, wanted):
        return value
    raise _wrong(value, wanted)


def _choice(value: object, wanted: Any) -> object:
    """A Literal, or an Enum: its member, its value or its name."""
    if get_origin(wanted) is Literal:
        for choice in get_args(wanted):
            if type(value) is type(choice) and value == choice:
                return value
        raise _wrong(value, wanted)
    for member in wanted:
        if value is member or (type(value) is type(member.value) and value == member.value):
            return member
        if value == member.name:
            return member
    raise _wrong(value, wanted)


def _union(converter: Converter, wanted: Any) -> Callable[[object, Any], object]:
    def structure(value: object, _: Any) -> object:
        if value is None and type(None) in get_args(wanted):
            return None
        members = [member for member in get_args(wanted) if member is not type(None)]
        # An int is no float while there is an int to be.
        for member in sorted(members, key=lambda member: type(value) is not member):
            try:
                return converter.structure(value, member)
            except Exception as error:
                if len(members) == 1:
                    raise
                last = error
        raise _wrong(value, wanted) from last

    return structure


def _collection(converter: Converter, wanted: Any) -> Callable[[object, Any], object]:
    from cattrs.errors import IterableValidationError, IterableValidationNote

    origin, inner = get_origin(wanted) or wanted, get_args(wanted)
    fixed = origin is tuple and bool(inner) and inner[-1] is not Ellipsis
    make: Callable[[list[object]], object] = list
    if issubclass(origin, tuple):
        make = tuple
    elif issubclass(origin, AbstractSet):
        make = frozenset if origin in {frozenset, AbstractSet} else set

    def structure(value: object, _: Any) -> object:
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise _wrong(value, wanted)
        if fixed and len(value) != len(inner):
            raise _WrongValue(f"must be {_name(wanted)}, has {len(value)}")
        items, errors = [], []
        for index, item in enumerate(value):
            of = inner[index] if fixed else inner[0] if inner else object
            try:
                items.append(converter.structure(item, of))
            except Exception as error:  # noqa: BLE001 (collected and raised below)
                error.add_note(IterableValidationNote("", index, of))
                errors.append(error)
        if errors:
            raise IterableValidationError("", errors, wanted)
        return make(items)

    return structure


def _mapping(converter: Converter, wanted: Any) -> Callable[[object, Any], object]:
    from cattrs.errors import IterableValidationError, IterableValidationNote

    key_type, value_type = get_args(wanted) or (str, object)

    def structure(value: object, _: Any) -> object:
        if not isinstance(value, Mapping):
            raise _wrong(value, wanted)
        items, errors = {}, []
        for key, item in value.items():
            try:
                items[converter.structure(key, key_type)] = converter.structure(item, value_type)
            except Exception as error:  # noqa: BLE001 (collected and raised below)
                error.add_note(IterableValidationNote("", str(key), value_type))
                errors.append(error)
        if errors:
            raise IterableValidationError("", errors, wanted)
        return items

    return structure


def _nested(converter: Converter, wanted: Any) -> Callable[[object, Any], object]:
    from cattrs.gen import make_dict_structure_fn

    structure_fields = make_dict_structure_fn(
        wanted, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True
    )

    def structure(value: object, _: Any) -> object:
        if isinstance(value, wanted):
            return value
        if not isinstance(value, Mapping):
            raise _wrong(value, wanted)
        return structure_fields(value, wanted)

    return structure


def _is_union(wanted: Any) -> bool:
    return get_origin(wanted) in {Union, types.UnionType}


def _is_collection(wanted: Any) -> bool:
    origin = get_origin(wanted) or wanted
    if not isinstance(origin, type) or issubclass(origin, (str, bytes, bytearray)):
        return False
    return issubclass(origin, (Sequence, AbstractSet)) and not hasattr(origin, "_fields")


def _is_mapping(wanted: Any) -> bool:
    origin = get_origin(wanted) or wanted
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _is_choice(wanted: Any) -> bool:
    return get_origin(wanted) is Literal or (isinstance(wanted, type) and issubclass(wanted, Enum))


def _is_other_class(wanted: Any) -> bool:
    """A class of which only an instance can be given, such as `datetime.timedelta` or an SSL context."""
    return isinstance(wanted, type) and wanted not in {object, Any} and not attrs.has(wanted)


# --- what is said about the rest ----------------------------------------------------------------------------


def _wrong(value: object, wanted: Any) -> _WrongValue:
    return _WrongValue(f"must be {_name(wanted)}, is {describe(value)}")


def _name(wanted: Any) -> str:  # noqa: PLR0911 (one per kind of type)
    if _is_union(wanted):
        return " or ".join(_name(member) for member in get_args(wanted))
    if wanted is None or wanted is type(None):
        return "None"
    if get_origin(wanted) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(wanted))
    if _is_choice(wanted):
        return "one of " + ", ".join(repr(member.name) for member in wanted)
    if _is_collection(wanted):
        return _collection_name(wanted)
    if _is_mapping(wanted) or attrs.has(wanted):
        return "a mapping"
    name = getattr(wanted, "__name__", str(wanted))
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _collection_name(wanted: Any) -> str:
    inner = get_args(wanted)
    if (get_origin(wanted) or wanted) is tuple and inner and inner[-1] is not Ellipsis:
        return f"a list of {len(inner)}"
    of = getattr(inner[0], "__name__", None) if inner else None
    return f"a list of {of}" if of not in {None, "object", "Any"} else "a list"


class _Problems:
    """Walks through the tree of errors that cattrs raises."""

    def __init__(self, options: Mapping[str, object]) -> None:
        self.found: list[Problem] = []
        self._secrets = secret_values(options)

    def collect(self, error: Exception, path: str, value: object, wanted: Any) -> None:
        from cattrs.errors import (
            ClassValidationError,
            ForbiddenExtraKeysError,
            IterableValidationError,
        )

        if isinstance(error, ClassValidationError):
            self._collect_class(error, path, value)
        elif isinstance(error, IterableValidationError):
            noted, others = error.group_exceptions()
            for inner, note in noted:
                step = f"[{note.index}]" if isinstance(note.index, int) else f".{note.index}"
                self.collect(inner, path + step, _at(value, note.index), note.type)
            for inner in others:
                self.collect(inner, path, value, wanted)
        elif isinstance(error, ForbiddenExtraKeysError):
            report = Report("", {})
            given = {str(key): None for key in sorted(error.extra_fields, key=str)}
            report.unknown_keys(path, given, sorted(_fields(error.cl)))
            self.found += report.problems
        elif isinstance(error, _WrongValue):
            self._add(path, str(error), _hint(value, wanted))
        else:
            self._add(path, str(error.args[0]) if error.args else type(error).__name__, "")

    def _collect_class(self, error: Any, path: str, value: object) -> None:
        noted, others = error.group_exceptions()
        for inner, note in noted:
            if isinstance(inner, KeyError) and isinstance(value, Mapping) and note.name not in value:
                self._add(f"{path}.{note.name}", "is missing", f"it must be {_name(note.type)}")
            else:
                self.collect(inner, f"{path}.{note.name}", _at(value, note.name), note.type)
        for inner in others:
            # What the validators of attrs say: "'workers' must be >= 2: 1".
            said = _VALIDATOR.match(str(inner.args[0])) if type(inner) is ValueError and inner.args else None
            if said is not None and said["name"] in _fields(error.cl):
                self._add(f"{path}.{said['name']}", f"{said['must']}, is {said['value']}", "")
            else:
                self.collect(inner, path, value, error.cl)

    def _add(self, path: str, message: str, hint: str) -> None:
        self.found.append(Problem(path, mask_values(message, self._secrets), hint))


def _hint(value: object, wanted: Any) -> str:
    if _is_collection(wanted) and isinstance(value, str):
        return "put it into brackets: [...]"
    if wanted in {int, float} and isinstance(value, str):
        return "write the number without quotes"
    return ""


def _fields(cls: type) -> list[str]:
    return [field.alias or field.name for field in attrs.fields(cls) if field.init]


def _at(value: object, key: int | str) -> object:
    if isinstance(key, int) and isinstance(value, (list, tuple)):
        return value[key]
    return value.get(key) if isinstance(value, Mapping) else None


def _thaw(value: object) -> Any:
    """Frozen mappings as dicts, at any depth: drivers often ask for a dict and nothing else."""
    if isinstance(value, (FrozenMapping, dict)):
        return {key: _thaw(item) for key, item in value.items()}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_thaw(item) for item in value)
    return value
