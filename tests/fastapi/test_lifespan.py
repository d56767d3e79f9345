"""The lifespan: it makes an application for as long as one of ASGI lives, and closes it beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamfw_core.errors import QueueClosed, SettingsError
from streamfw_core.queues import FanoutPriority
from streamfw_fastapi import CurrentStreams, streams_lifespan
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Activity, Feed, Love, Streams, default_streams


class PinFeed(Feed):
    name = "asgi_pin"


def app_with(*args: Any, **options: Any) -> FastAPI:
    app = FastAPI(lifespan=streams_lifespan(*args, **options))

    @app.get("/default")
    def is_default(streams: CurrentStreams) -> bool:
        return default_streams() is streams

    @app.post("/pins/{thing}")
    def pin(thing: int, streams: CurrentStreams) -> int:
        PinFeed(1, streams=streams).add(Activity(1, Love, thing))
        return PinFeed(1, streams=streams).count()

    return app


def test_its_application_is_the_default_of_the_process_meanwhile() -> None:
    before = default_streams()
    with TestClient(app_with({})) as client:
        assert default_streams() is not before
        assert client.get("/default").json() is True
    assert default_streams() is before


def test_applications_side_by_side_share_nothing_and_are_no_default() -> None:
    before = default_streams()
    with TestClient(app_with({}, default=False)) as one, TestClient(app_with({}, default=False)) as other:
        assert [one.post(f"/pins/{thing}").json() for thing in range(3)] == [1, 2, 3]
        assert other.post("/pins/1").json() == 1
        assert one.get("/default").json() is False
        assert default_streams() is before


def test_each_start_makes_a_new_application_and_each_end_closes_it() -> None:
    made: list[Streams] = []
    app = app_with({"task_queue": "threads"})

    @app.get("/note")
    async def note(streams: CurrentStreams) -> None:
        _ = streams.queue
        made.append(streams)

    for _ in range(2):
        with TestClient(app) as client:
            client.get("/note")
    assert made[0] is not made[1]
    for streams in made:
        with pytest.raises(QueueClosed):
            streams.queue.enqueue(b"", FanoutPriority.LOW)


def test_wrong_settings_keep_the_app_from_starting() -> None:
    with pytest.raises(SettingsError, match="storage: unknown key"), TestClient(app_with({"storage": {}})):
        pass


def test_a_lifespan_of_the_programs_own_enters_it_and_adds_to_its_state() -> None:
    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with streams_lifespan({})(app) as state:
            yield {**state, "database": "open"}

    app = FastAPI(lifespan=own)

    @app.get("/state")
    def state(request: Request, streams: CurrentStreams) -> list[Any]:
        return [request.state.database, streams is request.state.streams]

    with TestClient(app) as client:
        assert client.get("/state").json() == ["open", True]


def test_starlette_without_fastapi_has_it_in_the_state_of_a_request() -> None:
    async def count(request: Request) -> PlainTextResponse:
        feed = PinFeed(1, streams=request.state.streams)
        await feed.aio.add(Activity(1, Love, 1))
        return PlainTextResponse(str(await feed.aio.count()))

    app = Starlette(routes=[Route("/", count)], lifespan=streams_lifespan({}))
    with TestClient(app) as client:
        assert client.get("/").text == "1"


class WaitingStorage(MemoryStorage):
    """Its connections are closed once the event loop has done something else."""

    loop_went_on = threading.Event()
    in_time = False

    def __init__(self, name: str, _options: Mapping[str, object]) -> None:
        super().__init__(name)

    def close(self) -> None:
        type(self).in_time = self.loop_went_on.wait(30)
        super().close()


def test_closing_does_not_block_the_event_loop() -> None:
    async def live() -> None:
        settings = {"storages": {"default": f"{__name__}:WaitingStorage"}}
        async with streams_lifespan(settings)() as state:
            await PinFeed(1, streams=state["streams"]).aio.count()
            # It has its turn when closing awaits, and never if closing blocks.
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, WaitingStorage.loop_went_on.set)

    asyncio.run(live())
    assert WaitingStorage.in_time
