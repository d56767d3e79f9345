"""What is found out while settings are resolved: all problems, and where each value came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from streamfw_core.errors import Problem, SettingsError
from streamfw_core.plugins.suggest import nearest
from streamfw_core.settings.masking import mask_text

__all__ = ["Report", "describe", "quote_name"]

DEFAULT: Final = "default"

# What may be shown as it is; anything else may be a secret in the wrong place.
_NAME: Final = re.compile(r"[\w.-]{1,80}(:[A-Za-z_][\w.]*)?\Z")


class Report:
    """Collects while the settings are walked through; a wrong value never ends the walk.

    :param origin: where the settings come from.
    :param origins: exceptions by path, which hold for everything below that path.
    """

    def __init__(self, origin: str, origins: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.origins: dict[str, str] = {}
        self._origin = origin
        self._exceptions = origins

    def problem(self, path: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(mask_text(path), mask_text(message), mask_text(hint)))

    def given(self, path: str) -> None:
        """Note that the value at this path was given."""
        above = path
        while above and above not in self._exceptions:
            above = above.rpartition(".")[0]
        self.origins[path] = self._exceptions.get(above, self._origin)

    def default(self, path: str) -> None:
        """Note that the value at this path is core's own."""
        self.origins[path] = DEFAULT

    def raise_problems(self) -> None:
        """
        :raises SettingsError: when there are any.
        """
        if self.problems:
            raise SettingsError(self.problems)

    def mapping(
        self, path: str, value: object, example: str, *, wanted: str = "a mapping"
    ) -> Mapping[str, object] | None:
        """The value as a mapping with texts as keys, or None and a problem."""
        if not isinstance(value, Mapping):
            self.problem(path, f"must be {wanted}, is {describe(value)}", f"such as {example}")
            return None
        for key in value:
            if not isinstance(key, str):
                self.problem(path, f"its keys must be texts, one is {describe(key)}", f"such as {example}")
                return None
        return value

    def unknown_keys(self, path: str, value: Mapping[str, object], known: Iterable[str]) -> None:
        """A problem for every key that is not known, with the one that was meant."""
        known = tuple(known)
        for key in value:
            if key not in known:
                meant = nearest(key, known)
                hint = f"did you mean {meant!r}?" if meant else f"known are: {', '.join(known)}"
                self.problem(f"{path}.{key}" if path else key, "unknown key", hint)


def describe(value: object) -> str:
    """What a value is, without saying what it holds."""
    if value is None or isinstance(value, bool):
        return repr(value)
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def quote_name(value: str) -> str:
    """A text that should have been a name, quoted when it looks like one."""
    if not value:
        return "''"
    if "://" in value:
        return "a URL"
    return repr(value) if _NAME.match(value) else "a text that is no name"
