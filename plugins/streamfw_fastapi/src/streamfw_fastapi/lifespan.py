"""The application of streamfw for as long as one of ASGI lives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from streamfw_core.streams import Streams, set_default_streams

__all__ = ["STATE", "streams_lifespan"]

STATE: Final = "streams"
"""The key in the lifespan's state, so that it is `request.state.streams`."""


def streams_lifespan(
    settings: object = None, *, default: bool = True
) -> Callable[..., AbstractAsyncContextManager[dict[str, Any]]]:
    """A lifespan for FastAPI and Starlette; one of your own enters it, as does a program of plain ASGI.

    ```python
    app = FastAPI(lifespan=streams_lifespan(SETTINGS))

    @asynccontextmanager
    async def lifespan(app):
        async with streams_lifespan(SETTINGS)(app) as state, open_database() as database:
            yield {**state, "database": database}
    ```

    At the start it makes `Streams`, which connect at their first use. At the end it finishes the background work
    and gives up all connections, without blocking the event loop.
    It may be entered again and again, as tests do: each time makes new ones.

    :param settings: as for `Streams`.
    :param default: whether these are the default application of the process meanwhile,
        which feeds and managers without one of their own use; False where several are served side by side.
    :raises SettingsError: when it is entered, with everything that is wrong.
    """

    @asynccontextmanager
    async def lifespan(_app: Any = None) -> AsyncIterator[dict[str, Any]]:
        async with Streams(settings).aio as streams:
            before = set_default_streams(streams) if default else None
            try:
                yield {STATE: streams}
            finally:
                if default:
                    set_default_streams(before)

    return lifespan
