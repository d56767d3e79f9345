"""What endpoints depend on, and what becomes of errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, FastAPI, Header, HTTPException, WebSocket
from fastapi.testclient import TestClient
from streamfw_fastapi import (
    STATUS_OF,
    CurrentStreams,
    NotStarted,
    answer_errors,
    feed_of,
    get_streams,
    streams_lifespan,
)

from streamfw_core import Activity, Feed, Love, NotificationFeed, Streams, errors
from tests.services.ports import free_port


class PinFeed(Feed):
    name = "depended_pin"


class BellFeed(NotificationFeed):
    name = "depended_bell"


def current_user(authorization: Annotated[str | None, Header()] = None) -> str:
    if authorization is None:
        raise HTTPException(401)
    return authorization


MyPins = Annotated[PinFeed, feed_of(PinFeed, current_user)]
MyBell = Annotated[BellFeed, feed_of(BellFeed, current_user)]

app = FastAPI(lifespan=streams_lifespan({}))
answer_errors(app)


@app.post("/pins/{thing}")
def pin(thing: int, pins: MyPins, bell: MyBell) -> str:
    pins.add(Activity("ada", Love, thing))
    bell.add(Activity("ada", Love, thing))
    return pins.key


@app.get("/pins")
async def pins(pins: MyPins, after: str | None = None) -> list[int]:
    return [one.object_id for one in await pins.aio.page(100, after=after)]


@app.get("/pins/{id}/index")
def index(id: int, pins: MyPins) -> int:
    return pins.index_of(id)


@app.get("/pins/{_}/owner")
def owner(_: str, streams: CurrentStreams) -> str:
    return PinFeed("", streams=streams).key


@app.post("/later/{thing}")
def pin_later(thing: int, pins: MyPins, tasks: BackgroundTasks) -> None:
    tasks.add_task(pins.add, Activity("ada", Love, thing))


@app.get("/of/{user}")
def pins_of(user: str, streams: CurrentStreams) -> int:
    return PinFeed(user, streams=streams).count()


@app.websocket("/bell")
async def ring(websocket: WebSocket, bell: MyBell) -> None:
    await websocket.accept()
    await websocket.send_json(await bell.aio.get_notification_data())
    await websocket.close()


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


ADA = {"authorization": "ada"}


def test_a_feed_is_that_of_the_user_whom_a_dependency_finds(client: TestClient) -> None:
    assert client.post("/pins/1", headers=ADA).json() == "feed:depended_pin:ada"
    assert client.get("/pins", headers=ADA).json() == [1]
    assert client.get("/pins", headers={"authorization": "grace"}).json() == []
    assert client.get("/pins").status_code == 401


def test_endpoints_that_run_in_threads_do_not_disturb_each_other(client: TestClient) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = [*threads.map(lambda thing: client.post(f"/pins/{thing}", headers=ADA).status_code, range(64))]
    assert set(answers) == {200}
    assert sorted(client.get("/pins", headers=ADA).json()) == [*range(64)]


def test_a_background_task_may_use_a_feed(client: TestClient) -> None:
    client.post("/later/3", headers=ADA)
    assert client.get("/pins", headers=ADA).json() == [3]


def test_a_websocket_has_it_too(client: TestClient) -> None:
    client.post("/pins/1", headers=ADA)
    with client.websocket_connect("/bell", headers=ADA) as socket:
        assert socket.receive_json() == {"unseen_count": 1, "unread_count": 1}


def test_tests_put_another_application_in_its_place(client: TestClient) -> None:
    other = Streams({})
    PinFeed("ada", streams=other).add(Activity("ada", Love, 9))
    app.dependency_overrides[get_streams] = lambda: other
    try:
        assert client.get("/pins", headers=ADA).json() == [9]
    finally:
        app.dependency_overrides.clear()


def test_an_app_that_was_not_started_says_so() -> None:
    client = TestClient(app)
    with pytest.raises(NotStarted, match=r"make the app with lifespan=streams_lifespan\(settings\)"):
        client.get("/pins", headers=ADA)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/pins?after=nonsense", 400, "cursor"),
        ("/pins/1/index", 404, "activity 1 is not in feed"),
        ("/pins/x/owner", 404, "empty string"),
    ],
)
def test_a_client_is_told_what_it_did_wrong(client: TestClient, path: str, status: int, detail: str) -> None:
    answer = client.get(path, headers=ADA)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_a_storage_that_is_away_is_in_the_log_and_not_in_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    away = FastAPI(lifespan=streams_lifespan({"storages": {"default": f"redis://127.0.0.1:{port}/0"}}))
    answer_errors(away)
    away.get("/of/{user}")(pins_of)
    with TestClient(away) as client, caplog.at_level(logging.ERROR):
        answer = client.get("/of/ada")
    assert (answer.status_code, answer.json()) == (503, {"detail": "temporarily unavailable, try again"})
    assert "GET /of/ada: storage 'default'" in caplog.text


def test_an_app_that_has_started_is_not_changed_in_vain(client: TestClient) -> None:
    client.get("/pins", headers=ADA)
    with pytest.raises(errors.ArgumentError, match="call it where the app is made"):
        answer_errors(app)


def test_other_errors_stay_errors(client: TestClient) -> None:
    @app.get("/wrong")
    def wrong(pins: MyPins) -> Any:
        return pins[-1]

    assert client.get("/wrong", headers=ADA).status_code == 500
    assert issubclass(errors.NotFannedOut, tuple(error for error, status in STATUS_OF.items() if status == 503))
