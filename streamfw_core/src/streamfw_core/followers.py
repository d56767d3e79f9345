"""Followers as managers tell them: pages of ids by priority, checked before they are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from streamfw_core.errors import FollowerIdsError, IdError, given, shown
from streamfw_core.ids import Id
from streamfw_core.messages import Owner, wire_owners
from streamfw_core.queues.protocol import FanoutPriority

if TYPE_CHECKING:
    from streamfw_core.manager import Manager

__all__ = ["FollowerPage", "follower_page", "wire_followers"]


class FollowerPage(NamedTuple):
    """Some of the followers of a user.

    :param ids: by priority, as `get_user_follower_ids` returns them.
    :param next: where the next page begins, an int or a text that the manager understands; None: this was the last one.
    """

    ids: Mapping[FanoutPriority, Iterable[Id]]
    next: int | str | None = None

    @property
    def most_urgent(self) -> FanoutPriority:
        """The most urgent priority among its followers."""
        return next((priority for priority in FanoutPriority if priority in self.ids), FanoutPriority.LOW)


def follower_page(manager: Manager, user_id: Owner, after: Owner | None) -> FollowerPage:
    """The page that a manager tells.

    :raises FollowerIdsError: it is none.
    """
    where = _where(manager, user_id)
    page = manager.get_user_follower_page(user_id, after)
    if not isinstance(page, FollowerPage):
        raise FollowerIdsError(
            f"{where} returned {given(page)}: return FollowerPage({{FanoutPriority.HIGH: ids}}, next)"
        )
    if page.next is not None and (isinstance(page.next, bool) or not isinstance(page.next, int | str)):
        raise FollowerIdsError(f"{where} has {given(page.next)} as next: an int, a text or None is expected")
    if page.next is not None and page.next == after:
        raise FollowerIdsError(f"{where} returned {shown(page.next)} as next, where it began: it would never end")
    return FollowerPage(_by_priority(where, page.ids), page.next)


def wire_followers(manager: Manager, user_id: Owner, ids: list[Any]) -> list[Owner]:
    """Follower ids as messages carry them.

    :raises FollowerIdsError: some of them are none.
    """
    try:
        return wire_owners(ids, "a follower id")
    except IdError as error:
        raise FollowerIdsError(f"{_where(manager, user_id)}: {error}") from error


def _where(manager: Manager, user_id: Owner) -> str:
    from streamfw_core.manager import Manager

    overridden = type(manager).get_user_follower_page is not Manager.get_user_follower_page
    name = "get_user_follower_page" if overridden else "get_user_follower_ids"
    return f"{type(manager).__name__}.{name}({user_id!r})"


def _by_priority(where: str, followers: object) -> dict[FanoutPriority, Iterable[Any]]:
    if not isinstance(followers, Mapping):
        raise FollowerIdsError(
            f"{where} returned {given(followers)}: return ids by priority, such as {{FanoutPriority.HIGH: ids}}"
        )
    found: dict[FanoutPriority, Iterable[Any]] = {}
    for priority, ids in followers.items():
        if priority not in FanoutPriority.__members__.values():
            raise FollowerIdsError(
                f"{where} has the priority {shown(priority)}: use FanoutPriority.HIGH, NORMAL or LOW"
            )
        if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
            raise FollowerIdsError(
                f"{where} has {given(ids)} under {priority!s}: several ids (any iterable) are expected"
            )
        found[FanoutPriority(priority)] = ids
    return found
