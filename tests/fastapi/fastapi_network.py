"""The network in FastAPI: endpoints that publish in threads, and one that reads on the event loop."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated, Any, ClassVar, Final

from fastapi import FastAPI
from streamfw_core.queues import FanoutPriority
from streamfw_fastapi import CurrentStreams, answer_errors, feed_of, streams_lifespan

from streamfw_core import Manager
from tests.acceptance.http_network import BellFeed, HomeFeed, OwnFeed, bell_shown, followers_of, love, page_shown

VARIABLE: Final = "TEST_SETTINGS"
STREAMFW: Final[dict[str, Any]] = json.loads(os.environ.get(VARIABLE, "{}"))
"""The settings, here and in workers."""


def settings_on(storage: str, broker: str) -> dict[str, Any]:
    return {
        "storages": {"default": storage},
        "managers": {"asgi_loves": f"{__name__}:LoveManager"},
        "task_queue": {"backend": "celery", "options": {"broker_url": broker}},
    }


class LoveManager(Manager):
    name: ClassVar[str] = "asgi_loves"
    feed_classes: ClassVar = {"home": HomeFeed}
    user_feed_class = OwnFeed
    fanout_chunk_size = 20

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, Iterable[str]]:
        return {FanoutPriority.HIGH: followers_of(user_id)}


manager = LoveManager()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with streams_lifespan(STREAMFW)(app) as state:
        yield {**state, "of the program": True}


app = FastAPI(lifespan=lifespan)
answer_errors(app)


def user_in_path(user: str) -> str:
    return user


Bell = Annotated[BellFeed, feed_of(BellFeed, user_in_path)]


@app.post("/users/{user}/loves/{thing}", status_code=201)
def publish(user: str, thing: int, streams: CurrentStreams, of: str | None = None) -> None:
    activity = love(user, thing)
    manager.add_user_activity(user, activity)
    if of is not None:
        BellFeed(of, streams=streams).add(activity)


@app.delete("/users/{user}/loves/{thing}", status_code=204)
async def take_back(user: str, thing: int) -> None:
    await manager.aio.remove_user_activity(user, love(user, thing))


@app.get("/users/{user}/feed")
async def feed(user: str, streams: CurrentStreams, size: int = 100, after: str | None = None) -> dict[str, Any]:
    return page_shown(await HomeFeed(user, streams=streams).aio.page(size, after=after))


@app.get("/users/{user}/notifications")
def notifications(bell: Bell) -> dict[str, Any]:
    return bell_shown(bell)


@app.post("/users/{user}/notifications/{what}", status_code=204)
async def mark(what: str, bell: Bell) -> None:
    await bell.aio.mark_all(seen=what == "seen", read=what == "read")
