"""What a newcomer does first, in an environment with a release: publish here, fan out in a worker, read elsewhere.

The environments have nothing but what the release and its requirements bring, and programs see nothing of the checkout.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.packaging.environments import EXAMPLE_PLUGIN, ROOT, Environment
from tests.packaging.snippets import between, definitions_and_calls, fenced, plain, with_imports
from tests.services.binaries import find_binaries
from tests.services.brokers import Broker
from tests.services.fixtures import unavailable
from tests.services.rabbitmq import RabbitMQ
from tests.services.workers import Worker

pytestmark = pytest.mark.packaging

StartWorker = Callable[..., Worker]

SEED = "STREAMFW_SEED_DOCS"
"""Names the documentation of Stream-Framework as a text, whose quick start is read from there and is not kept here."""

IMPORTS = {
    "from stream_framework.activity import Activity": "from streamfw_core import Activity",
    "from stream_framework.feeds.redis import RedisFeed": "from streamfw_core import Feed as RedisFeed",
    "from stream_framework.feed_managers.base import Manager": "from streamfw_core import FanoutPriority, Manager",
    "from stream_framework.verbs import register": "from streamfw_core import register",
    "from stream_framework.verbs.base import Verb": "from streamfw_core import Verb",
    "from stream_framework.verbs import get_verb_by_id": "from streamfw_core import get_verb_by_id",
}
"""All that somebody changes who comes from there: line of import -> ours."""

QUEUES = "streamfw.high,streamfw.normal,streamfw.low"
CELERY = ["celery", "-A", "streamfw_celery.app", "worker", "-Q", QUEUES]
STARTED = "key=streamfw.normal"
"""The last line of what a worker of Celery says of itself; that it is ready, it only says with `-l INFO`."""

WAIT = '''
import json, sys, time

def wait_for_count(feed, count):
    """Until the worker has done its part."""
    end = time.monotonic() + 30
    while feed.count() != count:
        assert time.monotonic() < end, f"{feed.count()} activities instead of {count}"
        time.sleep(0.05)

def show(activities):
    print(json.dumps([[a.actor_id, a.verb.past_tense, a.object_id, a.target_id, a.extra_context] for a in activities]))
'''

# --- our own: docs/getting-started.md, in as many processes as a site has ---------------------------------------

READ = "from myapp.feeds import *\n{wait}\nwait_for_count(PinFeed({user}), {count})\nshow(PinFeed({user})[:25])\n"
REMOVE = "from myapp.feeds import *\n[pin] = UserPinFeed(1)[:1]\nmanager.remove_user_activity(1, pin)\n"
FOLLOW = (
    "from streamfw_core import Activity\nfrom myapp.feeds import *\n"
    "manager.add_user_activity(1, Activity(1, Pin, 1002, target=7))\nmanager.follow_user(4, 1)\n"
)
UNFOLLOW = "from myapp.feeds import *\nmanager.unfollow_user(4, 1)\n"

# --- what the old quick start takes as given: the models of a site, and Django ----------------------------------

SITE = """
from datetime import datetime, timezone
from types import SimpleNamespace

from streamfw_core import Verb, register

@register
class PinVerb(Verb):
    id = 6
    infinitive = "pin"
    past_tense = "pinned"

class Row(SimpleNamespace):
    def create_activity(self):
        from oldapp import create_activity

        return create_activity(self)

class Rows(list):
    def filter(self, **wanted):
        return Rows(row for row in self if all(getattr(row, name) == value for name, value in wanted.items()))

    def values_list(self, name, flat):
        assert flat
        return (getattr(row, name) for row in self)

pin = Row(id=1001, user_id=13, influencer_id=7, item_id=5, created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
Follow = SimpleNamespace(objects=Rows([Row(user_id=21, target=13), Row(user_id=22, target=13), Row(user_id=23, target=1)]))

pytz = timezone

def make_naive(moment, zone):
    return moment.astimezone(zone).replace(tzinfo=None)

def login_required(view):
    return view

def RequestContext(request):
    return {"request": request}

def render_to_response(template, context):
    return context["activities"]
"""

VIEW = """
from types import SimpleNamespace
from oldapp import *
{wait}
wait_for_count(PinFeed({user}), {count})
show(feed(SimpleNamespace(user=SimpleNamespace(id={user}))))
"""


@pytest.fixture(scope="module")
def from_wheels(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("wheels") / "venv")
    came_from = environment.install_from(release, "streamfw[redis,celery]")
    assert_ours_came_from(release, came_from, ".whl")
    return environment


@pytest.fixture(scope="module")
def from_sdists(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("sdists") / "venv")
    environment.pip("install", "hatchling")
    ours = ",".join(sorted({path.name.partition("-")[0].replace("_", "-") for path in release.glob("*.tar.gz")}))
    came_from = environment.install_from(release, "--no-binary", ours, "--no-build-isolation", "streamfw[redis,celery]")
    assert_ours_came_from(release, came_from, ".tar.gz")
    return environment


@pytest.fixture(scope="module")
def without_redis(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("without_redis") / "venv")
    came_from = environment.install_from(release, "streamfw[celery]")
    assert_ours_came_from(release, came_from, ".whl")
    return environment


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    found = [binary for binary in find_binaries() if binary.product == "redis"]
    if not found:
        unavailable("there is no Redis here: install Debian's redis-server, or another that is found on PATH")
    with Broker.of(found[-1]) as broker:
        yield broker.url


@pytest.fixture(params=["from_wheels", "from_sdists"])
def installed(request: pytest.FixtureRequest) -> Environment:
    environment: Environment = request.getfixturevalue(request.param)
    return environment


def assert_ours_came_from(release: Path, came_from: dict[str, str], suffix: str) -> None:
    ours = {name: url for name, url in came_from.items() if name.startswith("streamfw")}
    assert {"streamfw", "streamfw-core", "streamfw-celery", "streamfw-memory"} <= set(ours)
    assert all(url.startswith(release.as_uri()) and url.endswith(suffix) for url in ours.values()), ours


class Site:
    """A folder with a program, its settings, and an environment to run it in."""

    def __init__(self, folder: Path, environment: Environment, settings: dict[str, Any], **modules: str) -> None:
        self.folder = folder
        self.environment = environment
        self.variables = {"STREAMFW_SETTINGS": "site_settings:STREAMFW"}
        for name, code in {"site_settings": f"STREAMFW = {settings!r}\n", **modules}.items():
            path = folder.joinpath(*name.split(".")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(code, encoding="utf-8")

    def run(self, program: str) -> str:
        """Run a program in a process of its own, and return what it printed."""
        (self.folder / "program.py").write_text(program, encoding="utf-8")
        return self.environment.run("python", "program.py", cwd=self.folder, variables=self.variables).stdout

    def shown(self, program: str) -> Any:
        """What `show` of a program showed."""
        return json.loads(self.run(program))

    def worker(self, start: StartWorker, command: list[str], ready: str) -> Worker:
        name, *arguments = command
        return start(
            [self.environment.scripts / name, *arguments],
            ready=ready,
            environment={"PYTHONPATH": "", **self.variables},
            cwd=self.folder,
        )


def own_quick_start(folder: Path, environment: Environment, storage: object, task_queue: object) -> Site:
    settings = {
        "storages": {"default": storage},
        "task_queue": task_queue,
        "managers": {"pins": "myapp.feeds:PinManager"},
    }
    verbs, feeds, manager, *_ = blocks_of_getting_started()
    return Site(folder, environment, settings, **{"myapp.feeds": verbs + feeds + manager})


def blocks_of_getting_started() -> list[str]:
    return fenced((ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8"))


def publish_and_read(site: Site) -> None:
    """The steps of docs/getting-started.md, each in a process of its own."""
    _, _, _, publish, read, *_ = blocks_of_getting_started()
    pinned = [1, "pinned", 1001, 7, {"board": "Surf"}]

    site.run("from myapp.feeds import *\n" + publish)
    assert site.shown(READ.format(wait=WAIT, user=2, count=1)) == [pinned]
    assert site.shown(READ.format(wait=WAIT, user=3, count=1)) == [pinned]
    assert site.run("from myapp.feeds import *\n" + read) == "1 pinned 1001 to Surf\n"

    site.run(REMOVE)
    assert site.shown(READ.format(wait=WAIT, user=2, count=0)) == []

    site.run(FOLLOW)
    assert site.shown(READ.format(wait=WAIT, user=4, count=1)) == [[1, "pinned", 1002, 7, {}]]
    site.run(UNFOLLOW)
    assert site.shown(READ.format(wait=WAIT, user=4, count=0)) == []


def test_what_is_installed_fits_together_and_works(installed: Environment) -> None:
    installed.pip("check")
    plugins = json.loads(installed.run("streamfw", "plugins", "--check", "--json").stdout)["plugins"]
    backends = {entry["name"]: entry["broken"] for plugin in plugins for entry in plugin["backends"]}

    assert {plugin["name"]: plugin["status"] for plugin in plugins} == dict.fromkeys(
        ("core", "celery", "memory", "redis"), "loaded"
    )
    assert backends["celery"] is backends["kombu"] is backends["redis"] is None


def test_the_quick_start_on_redis_with_workers_of_celery(
    installed: Environment, redis_url: str, start_worker: StartWorker, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    number = 1 + ("sdists" in request.node.name)  # a database of its own
    url = redis_url.removesuffix("/0")
    queue = {"backend": "celery", "options": {"broker_url": f"{url}/{number}"}}
    site = own_quick_start(tmp_path, installed, f"{url}/{number}", queue)
    site.worker(start_worker, CELERY, STARTED)

    publish_and_read(site)


def test_the_quick_start_without_the_redis_package(
    without_redis: Environment, rabbitmq_server: RabbitMQ, start_worker: StartWorker, tmp_path: Path
) -> None:
    assert "redis" not in without_redis.installed()
    without_redis.pip("check")
    shutil.copytree(ROOT / EXAMPLE_PLUGIN / "src", tmp_path, dirs_exist_ok=True)  # as a storage of somebody's own
    storage = {"backend": "streamfw_example_storage.storage:create", "options": {"path": str(tmp_path / "feeds")}}
    queue = {"backend": "celery", "options": {"broker_url": rabbitmq_server.url}}
    site = own_quick_start(tmp_path, without_redis, storage, queue)
    site.worker(start_worker, CELERY, STARTED)

    publish_and_read(site)


@pytest.mark.parametrize(
    "queue",
    [
        "celery_queue import CeleryQueue; CeleryQueue('q', {'broker_url': U}).app",
        "kombu_queue import KombuQueue; KombuQueue('q', {'url': U})",
    ],
)
def test_a_broker_without_its_package_says_what_to_install(without_redis: Environment, queue: str) -> None:
    done = without_redis.run("python", "-c", f"U = 'redis://localhost'; from streamfw_celery.{queue}", check=False)

    assert "SettingsError" in done.stderr
    assert "a broker at redis:// needs the package redis" in done.stderr
    assert 'python -m pip install "streamfw[celery,redis]"' in done.stderr


# --- the old quick start ----------------------------------------------------------------------------------------


@pytest.fixture
def seed() -> str:
    named = os.environ.get(SEED)
    if not named:
        pytest.skip(f"{SEED} does not name stream-framework-docs.txt, the documentation of Stream-Framework as a text")
    return Path(named).read_text(encoding="utf-8")


def old_site(folder: Path, environment: Environment, url: str, code: str) -> Site:
    settings = {
        "storages": {"default": url},
        "task_queue": {"backend": "celery", "options": {"broker_url": url}},
        "managers": {"pins": "oldapp:PinManager"},
    }
    return Site(folder, environment, settings, site_models=SITE, oldapp=f"from site_models import *\n{code}")


def test_the_quick_start_of_stream_framework_runs_with_our_imports(
    seed: str, from_wheels: Environment, redis_url: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    blocks = [
        with_imports(block, IMPORTS, package="stream_framework")
        for block in plain(between(seed, "Using Stream Framework", "Features"))
    ]
    definitions, (add_to_own_feed, publish) = definitions_and_calls(blocks)
    site = old_site(tmp_path, from_wheels, redis_url.removesuffix("/0") + "/3", "\n\n".join(definitions))
    site.worker(start_worker, CELERY, STARTED)
    pinned = [13, "pinned", 1001, 7, {"item_id": 5}]

    site.run(f"from oldapp import *\nactivity = create_activity(pin)\n{add_to_own_feed}\n")
    assert site.shown(f"{WAIT}from oldapp import *\nshow(UserPinFeed(13)[:25])\n") == [pinned]

    site.run(f"from oldapp import *\n{publish}\n")
    assert site.shown(VIEW.format(wait=WAIT, user=21, count=1)) == [pinned]
    assert site.shown(VIEW.format(wait=WAIT, user=22, count=1)) == [pinned]
    assert site.shown(VIEW.format(wait=WAIT, user=23, count=0)) == []


def test_the_feed_setup_of_stream_framework_runs_with_our_imports(
    seed: str, from_wheels: Environment, redis_url: str, tmp_path: Path
) -> None:
    blocks = plain(between(seed, "Feed setup", "Settings"))
    code = with_imports("\n\n".join(blocks), IMPORTS, package="stream_framework")
    site = old_site(tmp_path, from_wheels, redis_url.removesuffix("/0") + "/4", "")
    given = """
        from datetime import datetime
        from site_models import *
        from streamfw_core import Activity
        activity = Activity(13, PinVerb, 1001, 7)
        """

    shown = site.shown(f"{WAIT}{dedent(given)}\n{code}\n\nassert pin_verb is Pin\nshow(UserPinFeed(13)[:10])")
    assert shown == [[13, "pinned", 1001, 7, {}]]
