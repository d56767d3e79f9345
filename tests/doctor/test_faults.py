"""Each fault that is put into a set-up is named, with what to do about it: the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from importlib.metadata import EntryPoint
from typing import Any, TypeVar

import pytest
from attrs import define, frozen
from streamfw_core.doctor import Level
from streamfw_core.queues import FanoutPriority

from streamfw_redis import checks
from tests.doctor.program import PINS
from tests.doctor.setups import ALL, Setup, failures, own_keys, setup, worker
from tests.services.brokers import Broker
from tests.services.fixtures import Shared, _broker, _found, _newest_redis, _shared_rabbitmq
from tests.services.ports import free_port
from tests.services.redis import Server

pytestmark = pytest.mark.usefixtures("forget_apps_of_others")

SECRET = "open-sesame"
Made = TypeVar("Made", bound=AbstractContextManager[Any])


@define
class Given:
    """What a fault is put into: a healthy set-up, and servers and workers for it."""

    shared: Shared
    stack: ExitStack
    monkeypatch: pytest.MonkeyPatch

    def healthy(self, queue: str = "kombu", broker: str = "redis") -> Setup:
        server = self.shared.get("storage of the doctor", lambda: self.server(appendonly=True))
        if broker == "rabbitmq":
            return setup(server, Broker(broker, _shared_rabbitmq(self.shared)), queue)
        return setup(server, self.shared.get("broker redis", lambda: _broker("redis")), queue)

    def without_queue(self) -> Setup:
        """One whose messages are executed at once."""
        made = self.healthy()
        made.settings["task_queue"] = "inline"
        return made

    @staticmethod
    def server(**options: Any) -> Server:
        return Server(_found(_newest_redis()), **options)

    def use(self, made: Made) -> Made:
        """Keep it until the test is over."""
        self.stack.enter_context(made)
        return made


@pytest.fixture
def given_services(shared_services: Shared, monkeypatch: pytest.MonkeyPatch) -> Iterator[Given]:
    with ExitStack() as stack:
        yield Given(shared_services, stack, monkeypatch)


def on_redis(made: Setup, url: str, **options: Any) -> Setup:
    made.settings["storages"]["hot"] = {"backend": "redis", "options": {"url": url, "prefix": own_keys(), **options}}
    return made


# --- the faults --------------------------------------------------------------------------------------------------


def storage_down(given: Given) -> Setup:
    return on_redis(given.without_queue(), f"redis://127.0.0.1:{free_port()}/0")


def wrong_password(given: Given) -> Setup:
    server = given.use(given.server(password="right"))
    return on_redis(given.without_queue(), f"redis://:{SECRET}@{server.address}/0")


def evicting(given: Given) -> Setup:
    server = given.use(given.server(maxmemory="50mb", maxmemory_policy="allkeys-lru", appendonly=True))
    return on_redis(given.without_queue(), server.url)


def forgetting(given: Given) -> Setup:
    return on_redis(given.without_queue(), given.use(given.server()).url)


def too_old(given: Given) -> Setup:
    given.monkeypatch.setattr(checks, "OLDEST", (99, 1))
    return given.without_queue()


def no_scripts(given: Given) -> Setup:
    made = given.without_queue()
    server = given.use(given.server(appendonly=True))
    server.ask("ACL", "SETUSER", "limited", "on", f">{SECRET}", "~*", "+@all", "-script|load")
    return on_redis(made, server.url.replace("redis://", f"redis://limited:{SECRET}@"))


def clock_off(given: Given) -> Setup:
    made = given.without_queue()
    made.ahead = 5.0
    return made


def kombu_down(given: Given) -> Setup:
    made = given.healthy()
    made.options.update(url=f"redis://:{SECRET}@127.0.0.1:{free_port()}/0", publish_timeout=0.5)
    return made


def celery_down(given: Given) -> Setup:
    made = given.healthy("celery")
    made.options.update(broker_url=f"amqp://guest:{SECRET}@127.0.0.1:{free_port()}//", publish_timeout=0.5)
    return made


def broker_refuses(given: Given) -> Setup:
    made = given.healthy("kombu", "rabbitmq")
    made.options.update(url=made.options["url"].replace("//guest:guest@", f"//guest:{SECRET}@"), publish_timeout=0.5)
    assert SECRET in made.options["url"]
    return made


def no_low(queue: str, broker: str) -> Callable[[Given], Setup]:
    def arrange(given: Given) -> Setup:
        made = given.healthy(queue, broker)
        made.timeout = 3.0
        given.use(worker(made, [FanoutPriority.HIGH, FanoutPriority.NORMAL]))
        return made

    return arrange


def without_manager(given: Given) -> Setup:
    made = given.healthy()
    made.timeout = 5.0
    given.use(worker(made, ALL, managers={"others": PINS["pins"]}))
    return made


def elsewhere(given: Given) -> Setup:
    made = given.healthy()
    made.timeout = 3.0
    options = {**made.settings["storages"]["hot"]["options"], "prefix": own_keys()}
    given.use(worker(made, ALL, storages={"hot": {"backend": "redis", "options": options}}))
    return made


def broken_plugin(given: Given) -> Setup:
    made = given.without_queue()
    made.plugins.append(EntryPoint("odd", "no_such_module.plugin", "streamfw"))
    return made


def two_of_one_name(given: Given) -> Setup:
    made = given.without_queue()
    made.plugins.append(EntryPoint("double", "tests.doctor.double_plugin", "streamfw"))
    return made


def disabled_plugin(given: Given) -> Setup:
    made = given.without_queue()
    made.environ["STREAMFW_DISABLE_PLUGINS"] = "cassandra"
    return made


def misspelt_key(given: Given) -> Setup:
    made = given.without_queue()
    made.settings["feed"] = {}
    return made


def misspelt_feed(given: Given) -> Setup:
    made = given.without_queue()
    made.settings["feeds"] = {"pinn": {"max_length": 5}}
    return made


def misspelt_option(given: Given) -> Setup:
    made = given.without_queue()
    made.settings["storages"]["hot"]["options"]["time_out"] = 3
    return made


def unknown_backend(given: Given) -> Setup:
    made = given.without_queue()
    made.settings["task_queue"] = "cellery"
    return made


def shared_key(given: Given) -> Setup:
    made = given.without_queue()
    made.settings["managers"] = {"clashing": "tests.doctor.program:ClashingManager"}
    return made


def no_such_manager(given: Given) -> Setup:
    made = given.without_queue()
    made.settings["managers"] = {"pins": "tests.doctor.program:PinsManager"}
    return made


def memory_under_celery(given: Given) -> Setup:
    made = given.healthy("celery")
    made.settings["storages"] = {"hot": "memory://"}
    return made


def dead_letters(given: Given) -> Setup:
    made = given.healthy()
    given.use(worker(made))
    with made.streams() as streams:
        queue: Any = streams.queue
        queue.bury(b"{}", FanoutPriority.LOW, "the moon was full", attempts=1, id="1")
    return made


def outbox(given: Given) -> Setup:
    made = given.healthy()
    made.settings["task_queue"]["outbox"] = "hot"
    given.use(worker(made))
    given.monkeypatch.setattr("streamfw_core.doctor.services.OUTBOX_AGE", 0.0)
    with made.streams() as streams:
        assert streams.outbox is not None
        streams.outbox.put(b"{}", FanoutPriority.LOW)
    return made


# --- the table ---------------------------------------------------------------------------------------------------


@frozen
class Fault:
    """What is put in, and what must be said of it.

    :param sentence: a part of where, what and message.
    :param hint: a part of what to do.
    """

    arrange: Callable[[Given], Setup]
    sentence: str
    hint: str
    level: Level = Level.FAILURE
    name: str = ""

    @property
    def id(self) -> str:
        return self.name or self.arrange.__name__.replace("_", " ")


FAULTS = [
    Fault(storage_down, "reachable: storage 'hot'", "see that it runs"),
    Fault(wrong_password, "invalid username-password pair", "user and password in the settings are right"),
    Fault(
        evicting,
        "so a full server deletes feeds and activities",
        "CONFIG SET maxmemory-policy noeviction",
        Level.WARNING,
    ),
    Fault(forgetting, "a restart forgets all feeds", "CONFIG SET appendonly yes", Level.WARNING),
    Fault(too_old, "and Redis 99.1 or newer is needed", "use a newer server"),
    Fault(no_scripts, "scripts: it does not take the script", "let the user of the storage run SCRIPT LOAD"),
    Fault(clock_off, "clock: its clock is 5.0 s behind this machine's", "timedatectl"),
    Fault(kombu_down, "reachable: it does not answer", "see that it runs"),
    Fault(celery_down, "reachable: it does not answer", "see that it runs"),
    Fault(
        broker_refuses, "reachable: it does not answer (AccessRefused", "user and password in the settings are right"
    ),
    Fault(
        no_low("kombu", "redis"), "no worker listens to", "streamfw worker --queues low", name="no kombu worker on LOW"
    ),
    Fault(
        no_low("kombu", "rabbitmq"),
        "did not arrive at 'hot' by low",
        "streamfw worker --queues low",
        name="LOW does not arrive",
    ),
    Fault(
        no_low("celery", "redis"),
        "no worker listens to",
        "celery -A streamfw_celery.app worker -Q",
        name="no Celery worker on LOW, Redis",
    ),
    Fault(
        no_low("celery", "rabbitmq"),
        "no worker listens to",
        "celery -A streamfw_celery.app worker -Q",
        name="no Celery worker on LOW, RabbitMQ",
    ),
    Fault(
        without_manager,
        "a worker gave it up: ManagerNotFound: no manager is named 'pins'",
        "with the settings and the code of this program",
    ),
    Fault(
        elsewhere,
        "did not arrive at 'hot' by high, normal, low",
        "see that workers run with these settings and storages",
    ),
    Fault(
        broken_plugin,
        "plugin 'odd' of an unknown distribution is broken: ModuleNotFoundError",
        "streamfw plugins --check",
    ),
    Fault(two_of_one_name, "the storage backend 'redis' is offered by plugin 'double'", "uninstall one of them"),
    Fault(disabled_plugin, "is disabled: STREAMFW_DISABLE_PLUGINS names it", "leave it out", Level.WARNING),
    Fault(misspelt_key, "feed: unknown key", "did you mean 'feeds'?"),
    Fault(misspelt_feed, "feeds.pinn: no feed of the managers has this name", "did you mean 'pin'?", Level.WARNING),
    Fault(misspelt_option, "storages.hot.options.time_out: unknown key", "did you mean 'timeout'?"),
    Fault(unknown_backend, "a task queue backend named 'cellery'. Did you mean 'celery'?", "streamfw settings"),
    Fault(shared_key, "could share a key on storage 'hot'", "streamfw settings"),
    Fault(no_such_manager, "cannot be imported", "streamfw settings"),
    Fault(memory_under_celery, "storage 'hot' exists only in this process", "use a storage that all processes share"),
    Fault(
        dead_letters,
        "1 dead letter is waiting, the oldest because: the moon was full",
        "streamfw queue dead list",
        Level.WARNING,
    ),
    Fault(outbox, "1 message waits for longer than", "streamfw queue sweep", Level.WARNING),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_is_named(fault: Fault, given_services: Given) -> None:
    made = fault.arrange(given_services)
    findings = made.findings()

    said = [
        (finding.level, f"{finding.where}, {finding.what}: {finding.message}", finding.hint) for finding in findings
    ]
    named = [hint for level, sentence, hint in said if level is fault.level and fault.sentence in sentence]
    assert named, f"nobody says {fault.sentence!r}:\n" + "\n".join(map(str, said))
    assert fault.hint in named[0]
    assert SECRET not in str(said)
    if fault.level is Level.WARNING:
        assert failures(findings) == []


def test_a_fault_does_not_hide_another(given_services: Given) -> None:
    made = broken_plugin(given_services)
    made.settings["storages"]["default"] = made.settings["storages"]["hot"]
    made.settings["storages"] |= {"cold": f"redis://127.0.0.1:{free_port()}/0", "old": "redis://127.0.0.1:1/0"}
    made.settings["managers"] = {"clashing": "tests.doctor.program:ClashingManager", "gone": "tests.doctor.nobody:M"}
    said = [f"{finding.where} {finding.message}" for finding in failures(made.findings())]
    for words in ("plugin 'odd'", "storage 'cold'", "storage 'old'", "could share a key", "manager 'gone'"):
        assert any(words in one for one in said), words


def test_a_storage_that_cannot_be_made_is_told_once_and_hides_nothing(given_services: Given) -> None:
    made = misspelt_option(given_services)
    made.settings["task_queue"] = kombu_down(given_services).settings["task_queue"]
    said = [finding.message for finding in failures(made.findings())]
    assert said[0] == "storages.hot.options.time_out: unknown key"
    assert said[1].startswith("it does not answer")
    assert len(said) == 2


def test_nothing_is_published_where_it_could_not_arrive(given_services: Given) -> None:
    last = storage_down(given_services).findings()[-1]
    assert (last.what, last.level) == ("canary", Level.WARNING)
    assert last.message == "it was not published, as what it needs is not there"


def test_a_canary_that_was_given_up_is_no_dead_letter(given_services: Given) -> None:
    made = without_manager(given_services)
    made.findings()
    with made.streams() as streams:
        queue: Any = streams.queue
        assert queue.dead_letters() == []
