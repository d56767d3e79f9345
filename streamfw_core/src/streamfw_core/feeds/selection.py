"""Which part of a feed a feed object shows, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from streamfw_core.errors import FilterError, OrderingError, given, shown
from streamfw_core.ids import MAX_ID

__all__ = ["WHOLE", "Selection"]

_OFFSETS = {"gt": 1, "gte": 0, "lt": -1, "lte": 0}
_FIELDS = ", ".join(f"activity_id__{operator}" for operator in _OFFSETS)


class Selection(NamedTuple):
    """Entries with `lower <= id <= upper`, newest or oldest first."""

    lower: int = 0
    upper: int = MAX_ID
    oldest_first: bool = False

    def narrowed(self, conditions: Mapping[str, Any]) -> Selection:
        """With further conditions such as `activity_id__lt=...`.

        :raises FilterError: a field, operator or value that feeds do not have.
        """
        lower, upper = self.lower, self.upper
        for name, value in conditions.items():
            field, _, operator = name.partition("__")
            if field != "activity_id" or operator not in _OFFSETS:
                raise FilterError(f"feeds cannot be filtered by {name!r}: use one of {_FIELDS}")
            bound = _bound(name, value) + _OFFSETS[operator]
            if operator.startswith("g"):
                lower = max(lower, bound)
            else:
                upper = min(upper, bound)
        return self._replace(lower=min(lower, MAX_ID + 1), upper=max(upper, -1))

    def ordered(self, orderings: Sequence[str]) -> Selection:
        """In another order.

        :raises OrderingError: not exactly one of `activity_id` and `-activity_id`.
        """
        if len(orderings) != 1 or orderings[0] not in ("activity_id", "-activity_id"):
            got = ", ".join(map(shown, orderings)) or "nothing"
            raise OrderingError(
                f"feeds are ordered by 'activity_id' (oldest first) or '-activity_id' (newest first), got {got}"
            )
        return self._replace(oldest_first=orderings[0] == "activity_id")


WHOLE: Final = Selection()


def _bound(name: str, value: Any) -> int:
    id = getattr(value, "serialization_id", value)
    if not isinstance(id, int) or isinstance(id, bool):
        raise FilterError(f"{name} takes an activity id (an integer) or an activity, got {given(value)}")
    return id
