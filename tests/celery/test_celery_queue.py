"""Publishing through Celery: which app, and what is sent."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import celery
import pytest
from celery import _state
from streamfw_celery.celery_queue import CeleryQueue, queue_of
from streamfw_celery.wire import TASK
from streamfw_core.errors import SettingsError
from streamfw_core.queues import FanoutPriority
from streamfw_core.storage.protocol import Scope

from streamfw_core import Streams, set_default_streams
from tests.celery.celery_running import names
from tests.celery.fetching import fetched
from tests.services.brokers import Broker

MODULE = "streamfw_celery.tasks"


@pytest.fixture(autouse=True)
def _no_apps_of_others(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins as a program in which nobody has made an app."""
    import weakref

    monkeypatch.setattr(_state, "_apps", weakref.WeakSet())
    monkeypatch.setattr(_state, "default_app", None)
    monkeypatch.setattr(_state._tls, "current_app", None, raising=False)
    yield
    set_default_streams(None)


@pytest.fixture
def make_queue() -> Iterator[Callable[..., CeleryQueue]]:
    made: list[CeleryQueue] = []

    def make(**options: Any) -> CeleryQueue:
        queue = CeleryQueue("celery", options)
        queue.bind(lambda _: None)
        made.append(queue)
        return queue

    yield make
    for queue in made:
        queue.close()


def app_of(url: str = "memory://", **conf: Any) -> Any:
    app = celery.Celery("program", broker=url, set_as_current=False)
    app.conf.update({"include": [MODULE], **conf})
    return app


# --- which app --------------------------------------------------------------------------------------------------


def test_an_app_is_named_by_its_path_or_given(
    monkeypatch: pytest.MonkeyPatch, make_queue: Callable[..., CeleryQueue]
) -> None:
    module: Any = ModuleType("a_program")
    module.feeds = ModuleType("feeds")
    module.feeds.app = app_of()
    monkeypatch.setitem(sys.modules, "a_program", module)

    assert make_queue(app="a_program:feeds.app").app is module.feeds.app
    assert make_queue(app=module.feeds.app).app is module.feeds.app


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("no_colon", "'no_colon' is not 'module:attribute'"),
        ("no_such_module:app", "cannot be imported"),
        ("json:no_such_name", "cannot be imported"),
        ("json:dumps", "'json:dumps' is no Celery app"),
        (5, "5 (int) is no Celery app"),
    ],
)
def test_what_is_no_app_is_said_with_its_place(app: object, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _ = CeleryQueue("celery", {"app": app}).app

    (problem,) = caught.value.problems
    assert problem.path == "task_queue.options.app"
    assert said in problem.message
    assert "proj.celery:app" in problem.hint


def test_without_app_and_broker_the_settings_are_wrong() -> None:
    with pytest.raises(SettingsError, match=r"no Celery app: the program has configured none.*broker_url"):
        _ = CeleryQueue().app


def test_options_are_checked() -> None:
    with pytest.raises(SettingsError, match="broker_ulr"):
        CeleryQueue("celery", {"broker_ulr": "amqp://"})
    with pytest.raises(SettingsError, match="publish_timeout"):
        CeleryQueue("celery", {"publish_timeout": 0})


def test_the_current_app_is_found_in_every_thread(make_queue: Callable[..., CeleryQueue]) -> None:
    own = celery.Celery("program", broker="memory://")
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(make_queue().app))
    thread.start()
    thread.join()

    assert make_queue().app is own
    assert found == [own]


def test_an_app_of_a_factory_is_found_when_it_is_the_default(make_queue: Callable[..., CeleryQueue]) -> None:
    def create() -> Any:
        app = celery.Celery("flask", broker="memory://", task_cls=celery.Task)
        app.set_default()
        return app

    made = create()
    app_of()
    assert make_queue().app is made


def test_an_app_is_made_from_a_broker_url(make_queue: Callable[..., CeleryQueue]) -> None:
    assert celery.current_app.main == "default"  # what Celery makes when nobody has made one is nobody's

    app = make_queue(broker_url="redis://localhost/3", visibility_timeout=20).app

    assert app.main == "streamfw"
    assert app.conf.broker_transport == "streamfw_celery.redis_transport:Transport"
    assert app.conf.broker_transport_options["visibility_timeout"] == 20
    app.loader.import_default_modules()
    assert TASK in app.tasks
    assert celery.current_app.main == "default"


def test_a_broker_url_beside_the_programs_app_is_told_about(
    make_queue: Callable[..., CeleryQueue], caplog: pytest.LogCaptureFixture
) -> None:
    own = celery.Celery("program", broker="memory://")

    assert make_queue(broker_url="amqp://elsewhere//").app is own
    assert "broker_url of task_queue.options is not used" in caplog.text


def test_the_stock_transport_for_redis_is_warned_of_once(
    make_queue: Callable[..., CeleryQueue], caplog: pytest.LogCaptureFixture
) -> None:
    stock = make_queue(app=app_of("redis://localhost/0"))
    assert stock.app is stock.app
    assert caplog.text.count("streamfw_celery.redis_transport:Transport") == 1
    caplog.clear()

    _ = make_queue(app=app_of("redis://localhost/0", broker_transport="streamfw_celery.redis_transport:Transport")).app
    _ = make_queue(app=app_of("amqp://localhost//")).app
    assert not caplog.text


def test_an_app_that_accepts_only_pickle_is_refused(make_queue: Callable[..., CeleryQueue]) -> None:
    queue = make_queue(app=app_of(accept_content=["pickle"]))

    with pytest.raises(SettingsError, match=r"accepts only pickle.*accept_content"):
        queue.enqueue(b"{}", FanoutPriority.HIGH)


def test_queues_that_the_app_does_not_make_are_missed(
    shared_broker: Broker, make_queue: Callable[..., CeleryQueue]
) -> None:
    queue = make_queue(app=app_of(shared_broker.url, task_create_missing_queues=False), queues=names())

    with pytest.raises(SettingsError, match=r"has no queue .* and makes none.*task_queues"):
        queue.enqueue(b"{}", FanoutPriority.HIGH)


def test_an_app_whose_workers_would_drop_messages_is_told_about_once(
    make_queue: Callable[..., CeleryQueue], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(include=[], imports=("json",))
    # Taken away and put back: a module that is imported twice has two tasks of one name.
    with monkeypatch.context() as without_module:
        without_module.delitem(sys.modules, MODULE, raising=False)
        for _ in range(2):
            assert make_queue(app=app).app is app

    assert caplog.text.count("its workers drop messages") == 1
    assert 'include=["streamfw_celery.tasks"]' in caplog.text
    app.loader.import_default_modules()
    assert TASK in app.tasks  # a worker in this very process has it from now on


def test_an_app_that_has_the_task_or_may_discover_it_is_not_told_about(
    make_queue: Callable[..., CeleryQueue], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovering = app_of(include=[])
    discovering.autodiscover_tasks(["streamfw_celery"])
    apps = [app_of(), app_of(include=[], imports=MODULE), app_of(include=[], task_always_eager=True), discovering]
    with monkeypatch.context() as without_module:
        without_module.delitem(sys.modules, MODULE, raising=False)
        for app in apps:
            assert make_queue(app=app).app is app
    assert make_queue(broker_url="amqp://localhost//").app.main == "streamfw"

    assert not caplog.text


def test_the_task_comes_with_autodiscovery_and_with_imports() -> None:
    for app in (app_of(include=[]), app_of(include=[], imports=[MODULE])):
        app.autodiscover_tasks(["streamfw_celery"])
        app.loader.import_default_modules()
        assert TASK in app.tasks
        assert app.tasks[TASK].acks_late
        assert not app.tasks[TASK].rate_limit


# --- which queue executes in a worker ---------------------------------------------------------------------------


def test_a_worker_executes_with_the_streams_of_its_app() -> None:
    one, other = app_of(), app_of()
    first = Streams({"task_queue": {"backend": "celery", "options": {"app": one}}})
    second = Streams({"task_queue": {"backend": "celery", "options": {"app": other}}})

    assert first.queue is not second.queue
    assert queue_of(one) is first.queue
    assert queue_of(other) is second.queue


def test_a_worker_executes_with_the_default_streams_else() -> None:
    app = app_of()
    set_default_streams(Streams({"task_queue": {"backend": "celery", "options": {"app": app}}}))

    assert queue_of(app).app is app
    assert queue_of(app).handler.__name__ == "execute"


@pytest.mark.parametrize("settings", [{}, {"task_queue": {"backend": "no-such-queue"}}])
def test_a_worker_whose_settings_are_wrong_keeps_messages_for_later(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of()
    set_default_streams(Streams(settings))

    assert queue_of(app).app is app
    assert "task queue" in caplog.text


# --- what is sent -----------------------------------------------------------------------------------------------


def test_what_an_app_does_to_its_own_tasks_does_not_matter(
    shared_broker: Broker, make_queue: Callable[..., CeleryQueue]
) -> None:
    app = app_of(
        shared_broker.url,
        task_routes={"*": {"exchange": "other", "routing_key": "other", "queue": "other"}},
        task_default_queue="other",
        task_serializer="yaml",
        task_ignore_result=False,
        task_publish_retry=False,
        task_default_delivery_mode="transient",
    )
    queue = make_queue(app=app, queues=names())
    queue.enqueue(b"{}", FanoutPriority.LOW)

    [message] = fetched(shared_broker.url, queue.options.queues.low)
    assert message.content_type == "application/json"
    assert message.properties["delivery_mode"] == 2
    assert message.headers["ignore_result"]


# --- eager ------------------------------------------------------------------------------------------------------


def test_an_eager_app_executes_in_the_caller_and_tries_again(make_queue: Callable[..., CeleryQueue]) -> None:
    executed: list[bytes] = []

    def execute(message: bytes) -> None:
        executed.append(message)
        if len(executed) < 3:
            raise RuntimeError("not yet")

    queue = make_queue(app=app_of("amqp://127.0.0.1:1//", task_always_eager=True))
    queue.bind(execute_twice := lambda message: retriable(execute, message))
    queue.enqueue(b"{}", FanoutPriority.HIGH)

    assert execute_twice is queue.handler
    assert executed == [b"{}"] * 3
    assert queue.scope is Scope.PROCESS
    assert (queue.dead_letters(), queue.retry_dead(), queue.drop_dead()) == ([], 0, 0)
    queue.drain()


def retriable(execute: Callable[[bytes], None], message: bytes) -> None:
    from streamfw_core.queues.retry import MessageFailed

    try:
        execute(message)
    except RuntimeError as error:
        raise MessageFailed(str(error), rest=message, retriable=True) from error


def test_the_eager_setting_of_the_old_library_is_the_inline_queue() -> None:
    with Streams({"CELERY_ALWAYS_EAGER": True}) as streams:
        assert streams.settings.task_queue.backend == "inline"
        assert streams.queue.scope is Scope.PROCESS
