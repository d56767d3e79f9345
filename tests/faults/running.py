"""One run: servers, workers, a publisher and a remover; everything fails; then what the feeds show is compared."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import field, frozen

from streamfw_core import Streams
from tests.faults import model, publishing
from tests.faults.chaos import Chaos, kill_and_restart, stop_and_restart
from tests.faults.doubling import copies
from tests.faults.world import World
from tests.services.binaries import find_binaries
from tests.services.program import Program
from tests.services.rabbitmq import RabbitMQ, find_rabbitmq
from tests.services.redis import Server
from tests.services.scratch import new_folder
from tests.services.workers import Worker

__all__ = ["Plan", "Result", "run"]

VISIBILITY_TIMEOUT = 8
QUEUES = ("streamfw.high", "streamfw.normal", "streamfw.low")
DRAINING = 90.0
"""Seconds in which workers are still killed when all is published."""


@frozen
class Plan:
    """What is to be run."""

    broker: str
    queue: str
    seed: int
    activities: int
    users: int
    followers: int
    every: float
    outbox: bool
    patience: float
    say: Callable[[str], None] = field(repr=False)


@frozen
class Result:
    """What came of it."""

    seconds: float
    deliveries: int
    published: int
    removed: int
    copies: int
    dead_letters: int
    faults: dict[str, int]
    differences: list[str]


def run(plan: Plan) -> Result:
    """Do it, and say how it goes."""
    with ExitStack() as stack:
        folder = new_folder("faults")
        storage = stack.enter_context(Server(_redis_binary(), appendonly=True))
        broker = stack.enter_context(_broker(plan.broker))
        world = _world(plan, storage, broker, folder)
        os.environ.update(world.environment())
        streams = Streams()
        stack.callback(streams.close)
        workers = [stack.enter_context(worker) for worker in _workers(plan.queue, world)]
        programs = [stack.enter_context(program) for program in _programs(world, folder)]

        started = time.monotonic()
        chaos = _chaos(plan, workers, programs, storage, broker, folder)
        chaos.start()
        _wait_for_programs(plan, programs, folder)
        _wait_for_messages(plan, broker, DRAINING)
        chaos.wait_until_workers_were_killed(DRAINING)
        chaos.stop()
        for worker in workers:
            if not worker.running:
                worker.start()
        copied = _send_copies(streams, folder)
        swept = streams.outbox.sweep(streams.queue) if streams.outbox is not None else 0
        plan.say(f"publisher and remover are done, {copied} copies are sent again, {swept} swept")
        dead = _settle(plan, streams, broker, workers)
        seconds = time.monotonic() - started

        published = publishing.journal(folder, publishing.PUBLISHED)
        removed = publishing.journal(folder, publishing.REMOVED)
        plan.say(f"settled after {seconds:.0f} s; comparing")
        wanted = model.expected(world, published, removed)
        return Result(
            seconds=seconds,
            deliveries=model.deliveries(world, published),
            published=len(published),
            removed=len(removed),
            copies=copied,
            dead_letters=dead,
            faults=dict(chaos.counts),
            differences=list(model.differences(wanted, streams)),
        )


def _redis_binary() -> Any:
    binaries = find_binaries()
    if not binaries:
        raise SystemExit("no redis-server is found: see CONTRIBUTING.md")
    return binaries[0]


def _broker(name: str) -> Program:
    if name == "redis":
        return Server(_redis_binary(), appendonly=True)
    binary = find_rabbitmq()
    if binary is None:
        raise SystemExit("no RabbitMQ is found: see CONTRIBUTING.md")
    return RabbitMQ(binary)


def _world(plan: Plan, storage: Server, broker: Any, folder: Path) -> World:
    options = {
        "celery": {"broker_url": broker.url},
        "kombu": {"url": broker.url},
    }[plan.queue]
    return World(
        seed=plan.seed,
        activities=plan.activities,
        users=plan.users,
        followers=plan.followers,
        storage=storage.url,
        task_queue={
            "backend": plan.queue,
            "options": {
                **options,
                "retries": {"pause": 0.2, "max_pause": 2.0},
                "visibility_timeout": VISIBILITY_TIMEOUT,
            },
        },
        outbox=plan.outbox,
        spool=str(folder),
    )


def _workers(queue: str, world: World) -> Iterator[Worker]:
    """One for what is urgent, one for the rest, so that two chunks of one activity are never in one row."""
    for name, priorities, processes in (("urgent", ["high"], 2), ("patient", ["normal", "low"], 1)):
        if queue == "celery":
            command = ["celery", "-A", "tests.faults.celery_app", "worker", "-c", str(processes), "-l", "warning"]
            command += ["-Q", ",".join(f"streamfw.{priority}" for priority in priorities), "-n", f"{name}@localhost"]
            command += ["--without-gossip", "--without-mingle"]
        else:
            command = ["streamfw_core", "worker", "--queues", ",".join(priorities), "--processes", str(processes)]
            command += ["--log-level", "warning"]
        yield Worker(
            [sys.executable, "-m", *command],
            ready="ready",
            environment=world.environment(),
            cwd=Path.cwd(),
            within=60,
            name=f"{name} worker",
        )


def _programs(world: World, folder: Path) -> Iterator[Worker]:
    for name, what in (("publisher", "publish"), ("remover", "remove")):
        yield Worker(
            [sys.executable, "-m", "tests.faults.publishing", what, str(folder)],
            ready="ready",
            environment=world.environment(),
            cwd=Path.cwd(),
            within=60,
            name=name,
        )


def _chaos(
    plan: Plan, workers: Sequence[Worker], programs: Sequence[Worker], storage: Program, broker: Program, folder: Path
) -> Chaos:
    return Chaos(
        plan.seed,
        workers=workers,
        programs=programs,
        restarts=[
            (0.3, "broker", lambda: kill_and_restart(broker, 1.0)),
            (0.5, "storage", lambda: kill_and_restart(storage, 1.0)),
            (0.7, "broker", lambda: stop_and_restart(broker, 1.0)),
        ],
        progress=lambda: len(publishing.journal(folder, publishing.PUBLISHED)) / plan.activities,
        every=plan.every,
    )


def _wait_for_programs(plan: Plan, programs: Sequence[Worker], folder: Path) -> None:
    """Until both have done all; one that is being killed is not done."""
    deadline, told = time.monotonic() + plan.patience, 0.0
    while True:
        published = publishing.journal(folder, publishing.PUBLISHED)
        removed = publishing.journal(folder, publishing.REMOVED)
        wanted = [number for number in published if publishing.removed(number)]
        if len(published) >= plan.activities and len(removed) >= len(wanted):
            return
        if time.monotonic() > deadline:
            what = f"{len(published)} published and {len(removed)} removed after {plan.patience:.0f} s"
            raise TimeoutError(f"{what}\n{_logs(programs)}")
        if time.monotonic() - told > 10:
            told = time.monotonic()
            plan.say(f"{len(published)} published, {len(removed)} removed")
        time.sleep(0.2)


def _logs(programs: Sequence[Worker]) -> str:
    return "\n".join(f"{program}:\n{program.log()}" for program in programs)


def _send_copies(streams: Streams, folder: Path) -> int:
    """What was kept is delivered again, long after everything else, and after the removals."""
    sent = list(copies(folder))
    for message, priority in reversed(sent):
        streams.queue.enqueue(message, priority)
    return len(sent)


def _settle(plan: Plan, streams: Streams, broker: Any, workers: Sequence[Worker]) -> int:
    """Wait until nothing waits, nothing runs and nothing is dead. Returns how many letters were tried again."""
    dead, deadline = 0, time.monotonic() + plan.patience
    while time.monotonic() < deadline:
        if not _wait_for_messages(plan, broker, plan.patience):
            break
        # What runs or is to be tried again goes back to the broker when its worker stops.
        for worker in workers:
            worker.stop()
        left = _waiting(broker, unacknowledged=True)
        for worker in workers:
            worker.start()
        if left:
            plan.say(f"{left} messages were still being executed")
            time.sleep(1)
            continue
        letters = streams.queue.retry_dead()  # type: ignore[attr-defined]
        if not letters:
            return dead
        plan.say(f"{letters} dead letters are tried again")
        dead += letters
    raise TimeoutError(f"messages are left after {plan.patience:.0f} s\n{_logs(workers)}")


def _wait_for_messages(plan: Plan, broker: Any, within: float) -> bool:
    """Until all have been fetched, which this returns; they may still be executed."""
    deadline, told = time.monotonic() + within, time.monotonic()
    while waiting := _waiting_or_down(broker):
        if time.monotonic() > deadline:
            return False
        if time.monotonic() - told > 10:
            told = time.monotonic()
            plan.say(f"{waiting} messages wait")
        time.sleep(0.5)
    return True


def _waiting_or_down(broker: Any) -> int:
    """How many messages wait; at least one while the broker is restarted."""
    try:
        return _waiting(broker, unacknowledged=False)
    except Exception:  # noqa: BLE001 - of whichever client
        return 1


def _waiting(broker: Any, *, unacknowledged: bool) -> int:
    if isinstance(broker, Server):
        with broker.client() as client:
            waiting = sum(int(client.llen(queue)) for queue in QUEUES)
            return waiting + (int(client.hlen("unacked")) if unacknowledged else 0)
    from kombu.connection import Connection

    with Connection(broker.url) as connection:
        channel = connection.channel()
        return sum(channel.queue_declare(queue, passive=True).message_count for queue in QUEUES)
