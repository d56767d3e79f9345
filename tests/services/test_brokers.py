"""Brokers for tests do what tests of task queues rely on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from kombu.connection import Connection

from tests.services import fixtures, rabbitmq
from tests.services.brokers import Broker
from tests.services.program import lives
from tests.services.rabbitmq import VARIABLE, RabbitBinary, RabbitMQ, find_rabbitmq
from tests.services.waiting import wait_for

StartRabbitMQ = Callable[..., RabbitMQ]
StartBroker = Callable[[], Broker]

connect: Any = Connection  # its types are incomplete


def put(url: str, queue: str, body: object) -> None:
    """Returns when the broker has accepted the message."""
    with connect(url, transport_options={"confirm_publish": True}) as connection:
        simple = connection.SimpleQueue(queue)
        simple.put(body)
        simple.close()


def take(url: str, queue: str) -> Any:
    with connect(url) as connection:
        simple = connection.SimpleQueue(queue)
        message = simple.get(timeout=10)
        message.ack()
        simple.close()
        return message.payload


def commands_of(server: RabbitMQ) -> set[str]:
    return {process.name() for process in server.processes()}


def test_rabbitmq_listens_for_this_machine_alone_with_an_epmd_of_its_own(rabbitmq_server: RabbitMQ) -> None:
    listening = {
        each.laddr.ip
        for process in rabbitmq_server.processes()
        for each in process.net_connections()
        if each.status == psutil.CONN_LISTEN
    }

    assert listening <= {"127.0.0.1", "::1"}
    assert {"beam.smp", "epmd"} <= commands_of(rabbitmq_server)
    assert psutil.Process(rabbitmq_server.pid).name() == "beam.smp"


def test_rabbitmq_uses_no_core_while_it_waits(rabbitmq_server: RabbitMQ) -> None:
    server = psutil.Process(rabbitmq_server.pid)
    wait_for(lambda: server.cpu_percent(interval=1.0) < 20, "the server is calm")


@pytest.mark.parametrize("end", [Broker.stop, Broker.kill])
def test_a_broker_has_its_messages_after_a_restart(broker: Broker, end: Callable[[Broker], None]) -> None:
    url = broker.url
    put(url, "durable", {"of": broker.name})

    end(broker)
    assert not broker.running
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", broker.server.port)):
        pass
    broker.restart()

    assert broker.url == url
    assert take(url, "durable") == {"of": broker.name}


def test_two_of_a_kind_do_not_meet(shared_broker: Broker, start_broker: StartBroker) -> None:
    other = start_broker()
    put(shared_broker.url, "alike", "shared")
    put(other.url, "alike", "own")
    other.kill()

    assert take(shared_broker.url, "alike") == "shared"
    other.restart()
    assert take(other.url, "alike") == "own"


def test_a_paused_broker_answers_after_it_resumed(broker: Broker) -> None:
    broker.pause()
    with socket.create_connection(("127.0.0.1", broker.server.port)) as connection:
        connection.settimeout(0.3)
        connection.sendall(b"PING\r\n" if broker.name == "redis" else b"AMQP\x00\x00\x09\x01")
        with pytest.raises(TimeoutError):
            connection.recv(1)
    broker.resume()
    put(broker.url, "any", "body")

    assert take(broker.url, "any") == "body"


@pytest.mark.parametrize("end", [RabbitMQ.close, RabbitMQ.stop, RabbitMQ.kill])
def test_a_rabbitmq_that_ended_leaves_no_process(
    start_rabbitmq: StartRabbitMQ, end: Callable[[RabbitMQ], None]
) -> None:
    server = start_rabbitmq()
    processes = server.processes()
    assert len(processes) > 1

    end(server)

    assert not any(map(lives, processes))
    assert server.folder.exists() == (end is not RabbitMQ.close)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_rabbitmq_ends_with_the_process_that_started_it(rabbitmq_binary: RabbitBinary, how: signal.Signals) -> None:
    program = (
        "import time\n"
        "from tests.services.rabbitmq import RabbitMQ, find_rabbitmq\n"
        "server = RabbitMQ(find_rabbitmq()).start()\n"
        "print(server.folder, *(process.pid for process in server.processes()), flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        folder, *pids = tests.stdout.readline().split()
        processes = [psutil.Process(int(pid)) for pid in pids]
        assert len(processes) > 1
        tests.send_signal(how)

    wait_for(lambda: not any(map(lives, processes)) and not Path(folder).parent.exists(), "nothing is left", within=15)


def test_a_rabbitmq_that_does_not_start_says_why(rabbitmq_binary: RabbitBinary) -> None:
    with pytest.raises(RuntimeError, match="no_such_option"), RabbitMQ(rabbitmq_binary, extra=["no_such_option = 1"]):
        pass


@pytest.mark.parametrize("port", ["port", "_epmd_port"])
def test_a_rabbitmq_moves_when_something_was_faster_to_take_a_port(rabbitmq_binary: RabbitBinary, port: str) -> None:
    server = RabbitMQ(rabbitmq_binary)
    taken = getattr(server, port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        with server:
            assert getattr(server, port) != taken
            put(server.url, "any", "body")


def test_a_rabbitmq_that_cannot_be_run_is_named_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/no/such/server")

    with pytest.raises(FileNotFoundError, match=f"/no/such/server.*{VARIABLE}"):
        find_rabbitmq.__wrapped__()


@pytest.mark.parametrize(
    ("variables", "outcome"), [({"CI": "true"}, pytest.fail.Exception), ({}, pytest.skip.Exception)]
)
def test_a_missing_rabbitmq_skips_its_tests_except_in_ci(
    variables: dict[str, str], outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CI", raising=False)
    for name, value in {**variables, "PATH": os.fspath(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(rabbitmq, "_DEBIAN", tmp_path)
    monkeypatch.setattr(fixtures, "find_rabbitmq", find_rabbitmq.__wrapped__)

    with pytest.raises(outcome, match=f"no RabbitMQ here.*rabbitmq-server.*{VARIABLE}"):
        fixtures._found_rabbitmq()
