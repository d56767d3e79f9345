"""Names that several plugins offer, so that none of them gets it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from streamfw_core.plugins.kinds import Backend

__all__ = ["Conflict", "conflicts_among"]


@frozen
class Conflict:
    """A backend name, or a URL scheme, that several plugins offer."""

    kind: str
    name: str
    providers: Sequence[str]
    scheme: bool = False

    def __str__(self) -> str:
        what = f"the URL scheme {self.name + '://'!r}" if self.scheme else f"the {self.kind} backend {self.name!r}"
        return f"{what} is offered by {' and by '.join(self.providers)}"


def conflicts_among(backends: Sequence[Backend]) -> list[Conflict]:
    """The conflicts among all backends that are installed."""
    names: dict[tuple[str, str], list[str]] = {}
    schemes: dict[tuple[str, str], list[str]] = {}
    for backend in backends:
        names.setdefault((backend.kind.label, backend.name), []).append(backend.provider)
        for scheme in backend.schemes:
            schemes.setdefault((backend.kind.label, scheme), []).append(backend.provider)
    found = [Conflict(*key, providers) for key, providers in names.items() if len(providers) > 1]
    return found + [Conflict(*key, by, scheme=True) for key, by in schemes.items() if len(by) > 1]
