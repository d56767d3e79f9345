"""The network in Flask. Its followers are in the configuration of the app, so whoever asks for them needs the app's context."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from celery import Celery, Task
from flask import Blueprint, Flask, current_app, request
from streamfw_core.errors import CursorError
from streamfw_core.queues import FanoutPriority
from streamfw_flask import Streamfw

from streamfw_core import Manager
from tests.acceptance.http_network import BellFeed, HomeFeed, OwnFeed, bell_shown, followers_of, love, page_shown

STORAGE: Final = "TEST_STORAGE"
BROKER: Final = "TEST_BROKER"
QUEUE: Final = "TEST_QUEUE"
"""Environment variables: two URLs, and the backend of the task queue."""


class LoveManager(Manager):
    name: ClassVar[str] = "flask_loves"
    feed_classes: ClassVar = {"home": HomeFeed}
    user_feed_class = OwnFeed
    fanout_chunk_size = 20

    def get_user_follower_ids(self, user_id: Any) -> dict[FanoutPriority, Iterable[str]]:
        followers: Iterable[str] = current_app.config["FOLLOWERS_OF"](user_id)
        return {FanoutPriority.HIGH: followers}


manager = LoveManager()
pages = Blueprint("network", __name__)
streamfw = Streamfw()


@pages.post("/users/<user>/loves/<int:thing>")
def publish(user: str, thing: int) -> tuple[str, int]:
    activity = love(user, thing)
    manager.add_user_activity(user, activity)
    if "of" in request.args:
        BellFeed(request.args["of"]).add(activity)
    return "", 201


@pages.delete("/users/<user>/loves/<int:thing>")
def take_back(user: str, thing: int) -> tuple[str, int]:
    manager.remove_user_activity(user, love(user, thing))
    return "", 204


@pages.get("/users/<user>/feed")
def feed(user: str) -> dict[str, Any]:
    return page_shown(HomeFeed(user).page(request.args.get("size", 100, int), after=request.args.get("after")))


@pages.get("/users/<user>/notifications")
def notifications(user: str) -> dict[str, Any]:
    return bell_shown(BellFeed(user))


@pages.post("/users/<user>/notifications/<what>")
def mark(user: str, what: str) -> tuple[str, int]:
    BellFeed(user).mark_all(seen=what == "seen", read=what == "read")
    return "", 204


@pages.errorhandler(CursorError)
def bad_cursor(error: CursorError) -> tuple[str, int]:
    return str(error), 400


def celery_init_app(app: Flask) -> Celery:
    """As Flask's documentation has it."""

    class FlaskTask(Task):  # type: ignore[misc]
        def __call__(self, *args: object, **kwargs: object) -> object:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.name, task_cls=FlaskTask)
    celery_app.config_from_object(app.config["CELERY"])
    celery_app.set_default()
    app.extensions["celery"] = celery_app
    return celery_app


def create_app() -> Flask:
    app = Flask("network")
    queue, broker = os.environ.get(QUEUE, "celery"), os.environ[BROKER]
    app.config["FOLLOWERS_OF"] = followers_of
    app.config["CELERY"] = {
        "broker_url": broker,
        "include": ["streamfw_celery.tasks"],
        "broker_transport": "streamfw_celery.redis_transport:Transport",
        "broker_transport_options": {"visibility_timeout": 60},
        "broker_connection_retry_on_startup": True,
    }
    app.config["STREAMFW"] = {
        "storages": {"default": os.environ[STORAGE]},
        "managers": {"flask_loves": "tests.flask.flask_network:LoveManager"},
        "task_queue": queue if queue == "celery" else {"backend": queue, "options": {"url": broker}},
    }
    if queue == "celery":
        celery_init_app(app)
    streamfw.init_app(app)
    app.register_blueprint(pages)
    return app
