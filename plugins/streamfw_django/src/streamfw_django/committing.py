"""Publishing after the transaction: followers are told of what is in the database, and of nothing that was rolled back.

A worker is faster than a commit: it would ask for followers and objects that are not there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

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
    transaction.on_commit(lambda: manager.add_user_activity(user_id, activity), using=using, robust=robust)


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
        publish = super().add_user_activity
        self._on_commit(lambda: publish(user_id, activity))

    def remove_user_activity(self, user_id: Id, activity: Activity | DehydratedActivity | int) -> None:
        publish = super().remove_user_activity
        self._on_commit(lambda: publish(user_id, activity))

    def update_user_activities(self, user_id: Id, activities: Iterable[Activity]) -> None:
        publish = super().update_user_activities
        self._on_commit(lambda: publish(user_id, activities))

    def batch_import(
        self, user_id: Id, activities: Iterable[Activity], *, fanout: bool = True, chunk_size: int = 500
    ) -> None:
        publish = super().batch_import
        self._on_commit(lambda: publish(user_id, activities, fanout=fanout, chunk_size=chunk_size))

    def follow_many_users(self, user_id: Id, target_ids: Iterable[Id], *, async_: bool = True) -> None:
        publish = super().follow_many_users
        self._on_commit(lambda: publish(user_id, target_ids, async_=async_))

    def unfollow_many_users(self, user_id: Id, target_ids: Iterable[Id], *, async_: bool = True) -> None:
        publish = super().unfollow_many_users
        self._on_commit(lambda: publish(user_id, target_ids, async_=async_))

    def _on_commit(self, publish: Callable[[], None]) -> None:
        # Functions, as Django logs the names of those that fail, which a `partial` has not.
        transaction.on_commit(publish, using=self.on_commit_using, robust=self.on_commit_robust)
