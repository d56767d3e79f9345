"""Publishing after the transaction: followers are told of what is in the database, and of nothing that was rolled back.

A worker is faster than a commit: it would ask for followers and objects that are not there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from django.db import transaction
from streamfw_core.activity import DehydratedActivity
from streamfw_core.ids import Id

from streamfw_core import Activity, Manager

__all__ = ["OnCommitManager", "publish_on_commit"]


def publish_on_commit(
    manager: Manager, user_id: Id, activity: Activity, *, using: str | None = None, robust: bool = False
) -> None:
    """`manager.add_user_activity(user_id, activity)` when the current transaction commits; at once outside of one.

    :param using: the database alias of the transaction; None: the default one.
    :param robust: what publishing raises is logged, and what else waits for the commit is done.
    """
    # Not the method of an OnCommitManager, which would wait for its own database.
    publish = partial(_plain(manager, "add_user_activity"), user_id, activity)
    transaction.on_commit(publish, using=using, robust=robust)


class OnCommitManager(Manager):
    """A manager all of whose publishing waits for the commit of the transaction around it.

    ```python
    class PhotoManager(OnCommitManager):
        feed_classes = {"wall": WallFeed}
        ...
    ```

    Outside of a transaction everything is done at once. After a rollback nothing is.

    - `on_commit_using`: the database alias of the transaction; None: the default one.
    - `on_commit_robust`: what publishing raises is logged instead of raised, as the data is committed by then.
    """

    on_commit_using: ClassVar[str | None] = None
    on_commit_robust: ClassVar[bool] = False

    def add_user_activity(self, user_id: Id, activity: Activity) -> None:
        self._on_commit(partial(super().add_user_activity, user_id, activity))

    def remove_user_activity(self, user_id: Id, activity: Activity | DehydratedActivity | int) -> None:
        self._on_commit(partial(super().remove_user_activity, user_id, activity))

    def update_user_activities(self, user_id: Id, activities: Iterable[Activity]) -> None:
        self._on_commit(partial(super().update_user_activities, user_id, activities))

    def batch_import(
        self, user_id: Id, activities: Iterable[Activity], *, fanout: bool = True, chunk_size: int = 500
    ) -> None:
        self._on_commit(
            partial(super().batch_import, user_id, activities, fanout=fanout, chunk_size=chunk_size)
        )

    def follow_many_users(self, user_id: Id, target_ids: Iterable[Id], *, async_: bool = True) -> None:
        self._on_commit(partial(super().follow_many_users, user_id, target_ids, async_=async_))

    def unfollow_many_users(self, user_id: Id, target_ids: Iterable[Id], *, async_: bool = True) -> None:
        self._on_commit(partial(super().unfollow_many_users, user_id, target_ids, async_=async_))

    def _on_commit(self, publish: Callable[[], None]) -> None:
        transaction.on_commit(publish, using=self.on_commit_using, robust=self.on_commit_robust)


def _plain(manager: Manager, name: str) -> Any:
    """The method that does it at once."""
    if isinstance(manager, OnCommitManager):
        return getattr(super(OnCommitManager, manager), name)
    return getattr(manager, name)
