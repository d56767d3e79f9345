"""Applications for event loops: `async with Streams(settings).aio as streams`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from attrs import frozen

from streamfw_core.feeds.feed import Feed
from streamfw_core.streams import Streams

__all__ = ["AioStreams"]


@frozen
class AioStreams:
    """What of `Streams` waits for servers or for background work, awaited; all in a thread: it is done seldom.

    ```python
    async with Streams(settings).aio as streams:
        await PinFeed(13, streams=streams).aio[:25]
    ```

    :param streams: the application.
    """

    streams: Streams

    async def prepare(self, *feed_classes: type[Feed]) -> None:
        """See `Streams.prepare`; it also loads what the first call would load on the loop, such as drivers."""
        await asyncio.to_thread(self._prepare, feed_classes)

    async def drain(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 (the thread would go on waiting)
        """See `Streams.drain`."""
        await asyncio.to_thread(self.streams.drain, timeout)

    async def close(self) -> None:
        """Finish the background work and give up all connections, also those of the running event loop."""
        await asyncio.to_thread(self.streams.close)
        # What was told to this loop, from the thread, is done now.
        await asyncio.sleep(0)

    def _prepare(self, feed_classes: Sequence[type[Feed]]) -> None:
        self.streams.prepare(*feed_classes)
        _ = self.streams.queue  # loads it

    async def __aenter__(self) -> Streams:
        return self.streams

    async def __aexit__(self, *_: object) -> None:
        await self.close()
