"""Did you mean: the nearest of the names that would have been right."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest"]


def nearest(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of `names` that `name` was most likely meant to be, or None. Case does not count."""
    # Imported here: it is needed only when something went wrong.
    from difflib import get_close_matches

    by_folded = {candidate.casefold().replace("-", "_"): candidate for candidate in names}
    folded = name.casefold().replace("-", "_")
    matches = get_close_matches(folded, by_folded, n=1, cutoff=cutoff)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`did you mean 'hot'?`, or nothing."""
    match = nearest(name, names)
    return f"did you mean {match!r}?" if match is not None else ""
