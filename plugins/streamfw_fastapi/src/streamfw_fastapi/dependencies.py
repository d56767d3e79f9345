"""What endpoints of FastAPI depend on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection
from streamfw_core.errors import StreamsError
from streamfw_core.feeds import Feed
from streamfw_core.streams import Streams

from streamfw_fastapi.lifespan import STATE

__all__ = ["CurrentStreams", "NotStarted", "feed_of", "get_streams"]


class NotStarted(StreamsError, RuntimeError):
    """A request was made to an app whose lifespan has made no `Streams`."""


# All of these are `async`, though they await nothing: FastAPI would call them in its pool of threads otherwise.


async def get_streams(connection: HTTPConnection) -> Streams:
    """The `Streams` of the app, for requests and websockets; what tests override.

    :raises NotStarted: the app has none.
    """
    streams = getattr(connection.state, STATE, None)
    if not isinstance(streams, Streams):
        raise NotStarted(
            f"request.state.{STATE} is not there: make the app with lifespan=streams_lifespan(settings),"
            " have a lifespan of your own yield the state of that one too,"
            " and in tests write `with TestClient(app) as client:`, which starts the app"
        )
    return streams


CurrentStreams = Annotated[Streams, Depends(get_streams)]
"""The type of an argument: the `Streams` of the app."""


def feed_of(feed_class: type[Feed], user: Callable[..., Any]) -> Any:
    """A dependency: the feed of the user that another dependency finds.

    ```python
    MyHomeFeed = Annotated[HomeFeed, feed_of(HomeFeed, current_user_id)]

    @app.get("/feed")
    def feed(feed: MyHomeFeed): ...
    ```

    :param user: a dependency that returns the user's id.
    """

    async def feed(streams: CurrentStreams, user_id: Any = Depends(user)) -> Feed:  # noqa: B008 - an annotation cannot name it
        return feed_class(user_id, streams=streams)

    return Depends(feed)
