"""The part of the network that reads feeds, in plain ASGI: an application is one function, and enters the lifespan itself."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qs

from streamfw_core.errors import CursorError
from streamfw_fastapi import streams_lifespan

from tests.acceptance.http_network import HomeFeed, page_shown
from tests.fastapi.fastapi_network import STREAMFW


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await live(scope, receive, send)
    else:
        await answer(scope, send)


async def live(scope: dict[str, Any], receive: Any, send: Any) -> None:
    async with AsyncExitStack() as stack:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                scope["state"] |= await stack.enter_async_context(streams_lifespan(STREAMFW)())
            else:
                await stack.aclose()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


async def answer(scope: dict[str, Any], send: Any) -> None:
    _, _, user, _ = scope["path"].split("/")
    asked = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    feed = HomeFeed(user, streams=scope["state"]["streams"])
    try:
        status, shown = 200, page_shown(await feed.aio.page(int(asked.get("size", "25")), after=asked.get("after")))
    except CursorError as error:
        status, shown = 400, {"detail": str(error)}
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(shown).encode()})
