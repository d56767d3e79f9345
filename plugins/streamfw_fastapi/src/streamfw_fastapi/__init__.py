"""streamfw in FastAPI, Starlette and plain ASGI.

```python
from fastapi import FastAPI
from streamfw_fastapi import CurrentStreams, streams_lifespan

app = FastAPI(lifespan=streams_lifespan({"storages": {"default": "redis://localhost/0"}}))


@app.get("/feed/{user}")
def feed(user: str, streams: CurrentStreams):
    return [str(activity) for activity in HomeFeed(user, streams=streams)[:25]]
```
"""

from __future__ import annotations

from streamfw_fastapi.dependencies import CurrentStreams, NotStarted, feed_of, get_streams
from streamfw_fastapi.errors import STATUS_OF, answer_errors
from streamfw_fastapi.lifespan import streams_lifespan

__all__ = [
    "STATUS_OF",
    "CurrentStreams",
    "NotStarted",
    "answer_errors",
    "feed_of",
    "get_streams",
    "streams_lifespan",
]
