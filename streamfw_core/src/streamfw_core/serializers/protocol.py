"""What a serializer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from streamfw_core.activity import Activity

__all__ = ["BatchSerializer", "Serializer"]


class Serializer(Protocol):
    """Turns activities of one class into bytes and back.

    It is made by `factory(activity_class, options)`: the feed chooses the class, the bytes never do.
    One instance serves many threads.

    ```python
    class PickySerializer:
        def __init__(self, activity_class, options):
            self.activity_class = activity_class

        def dumps(self, activity):
            return my_format.encode(activity.stored_state())

        def loads(self, data, activity_id):
            try:
                state = my_format.decode(data)
            except my_format.Error as error:
                raise DecodeError(f"activity {activity_id}: {error}", activity_id=activity_id) from error
            return self.activity_class.from_stored(activity_id, state)
    ```
    """

    def dumps(self, activity: Activity) -> bytes:
        """The bytes of an activity, without its id, which storages keep beside them.

        :raises ActivityTypeError: not an activity of exactly the class that the feed keeps.
        :raises EncodeError: a value in it would not come back equal; its `path` says which.
        """
        ...

    def loads(self, data: bytes, activity_id: int) -> Activity:
        """The activity whose bytes these are.

        :raises DecodeError: they are not, whatever they are; no other error leaves this method.
        """
        ...


@runtime_checkable
class BatchSerializer(Serializer, Protocol):
    """A serializer that reads many at once faster than one by one."""

    def loads_all(self, ids: Sequence[int], payloads: Sequence[bytes]) -> list[Activity]:
        """The activities of as many ids as payloads, in their order.

        :raises DecodeError: at the first that cannot be read; its `activity_id` says which.
        """
        ...
