"""Apache Cassandra, of one node or three.

python -m tests.services.cassandra [NODES] starts one to try things on, says where it is, and ends it at Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Self

from tests.services.cassandra_node import Node
from tests.services.certificates import Certificate
from tests.services.jars import CassandraJars, find_cassandra
from tests.services.ports import free_port
from tests.services.waiting import wait_for

__all__ = ["Cassandra", "CassandraJars", "Node", "find_cassandra"]

_RING = 1 << 64
_TRIES = 5
_PATIENCE = 60.0
# It is on three nodes, if there are three: all of them answer, or nobody does.
_ALL = "SELECT host_id FROM system_distributed.view_build_status WHERE keyspace_name = 'any' AND view_name = 'any'"


class Cassandra:
    """Nodes on 127.0.0.1, 127.0.0.2 and so on, with the same ports; what is replicated three times is on each of three.

    Entered, it runs; left, it is gone with its folders.
    `nodes` can be killed and started one by one; `start` starts those that do not run, and waits for all.

    :param nodes: how many.
    :param durable: what was acknowledged is there after `kill` and `start`; without, tables come and go faster.
    :param fast: as in production: code is compiled twice, and writes do not wait for the disk. For benchmarks.
    :param authenticator: PasswordAuthenticator asks for `username` and `password`.
    :param certificate: connections of clients are encrypted, and there are no others.
    :param heap: of each node, as Java writes it.
    :param settings: more of cassandra.yaml, by name.
    :param properties: more of what Java is told with -D.
    """

    datacenter = "datacenter1"
    """As the snitch names it."""

    def __init__(
        self,
        jars: CassandraJars,
        *,
        nodes: int = 1,
        durable: bool = True,
        fast: bool = False,
        authenticator: str = "AllowAllAuthenticator",
        certificate: Certificate | None = None,
        heap: str | None = None,
        settings: Mapping[str, object] | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        self.jars = jars
        self.hosts = [f"127.0.0.{number}" for number in range(1, nodes + 1)]
        self.port = free_port(*self.hosts)
        self.certificate = certificate
        asks = authenticator == "PasswordAuthenticator"
        self.username = "cassandra" if asks else None
        self.password = "cassandra" if asks else None
        name = f"streamfw-{secrets.token_hex(8)}"
        self.nodes = [
            Node(
                jars,
                host,
                self.port,
                cluster=name,
                seeds=self.hosts,
                token=_RING * index // nodes - _RING // 2,
                heap=heap or ("1G" if nodes == 1 else "400M"),
                durable=durable,
                fast=fast,
                certificate=certificate,
                settings={"authenticator": authenticator, **(settings or {})},
                properties=properties or {},
            )
            for index, host in enumerate(self.hosts)
        ]

    @property
    def host(self) -> str:
        """The first of `hosts`."""
        return self.hosts[0]

    @property
    def running(self) -> list[Node]:
        return [node for node in self.nodes if node.running]

    def cluster(self, **options: Any) -> Any:
        """A cluster of cassandra-driver, to be shut down by whoever asks for it; patient, unless told otherwise."""
        from cassandra.auth import PlainTextAuthProvider
        from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile

        options.setdefault("connect_timeout", _PATIENCE)
        options.setdefault("control_connection_timeout", _PATIENCE)
        options.setdefault("execution_profiles", {EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=_PATIENCE)})

        if self.username is not None:
            options.setdefault("auth_provider", PlainTextAuthProvider(self.username, self.password))
        if self.certificate is not None:
            options.setdefault("ssl_context", ssl.create_default_context(cafile=self.certificate.file))
            options.setdefault("ssl_options", {"server_hostname": "localhost"})
        return Cluster(self.hosts, port=self.port, **options)

    @contextlib.contextmanager
    def connected(self, **options: Any) -> Iterator[Any]:
        """A session of cassandra-driver, as long as it is needed."""
        cluster = self.cluster(**options)
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    def start(self) -> Self:
        """Start the nodes that do not run, and wait until each knows that all are there."""
        for _ in range(_TRIES):
            begun = [node for node in self.nodes if not node.running]
            for node in begun:
                node.launch()
            try:
                for node in begun:
                    node.wait_until_ready()
                break
            except RuntimeError:
                # Whoever began somewhere has told clients, and the other nodes, where that is.
                if len(begun) < len(self.nodes) or not any(node.is_taken() for node in begun):
                    raise
                self._move()
        else:
            raise RuntimeError(f"{self} does not start: other processes took its ports, {_TRIES} times")
        self.wait_until_ok()
        return self

    def wait_until_ok(self) -> None:
        """Wait until clients are let in, and each node knows that all are there."""
        if len(self.nodes) > 1 or self.username is not None:
            wait_for(self._is_ok, f"{self} is complete", within=120)

    def stop(self) -> None:
        """End every node as an administrator does, with SIGTERM."""
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """End every node as a power failure does."""
        for node in self.nodes:
            node.kill()

    def restart(self) -> Self:
        """End what runs, and start it at the same place, with what it kept."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """End it and remove its folders."""
        for node in self.nodes:
            node.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.jars.version} {','.join(self.hosts)} port {self.port}>"

    def _is_ok(self) -> bool:
        from cassandra import ConsistencyLevel, DriverException
        from cassandra.cluster import NoHostAvailable
        from cassandra.policies import ConstantReconnectionPolicy
        from cassandra.query import SimpleStatement

        level = ConsistencyLevel.ONE if len(self.nodes) == 1 else ConsistencyLevel.ALL
        question = SimpleStatement(_ALL, consistency_level=level)
        with (
            contextlib.suppress(DriverException, NoHostAvailable),
            self.connected(reconnection_policy=ConstantReconnectionPolicy(0.2)) as session,
        ):
            found = session.cluster.metadata.all_hosts()
            for host in found:
                session.execute(question, host=host)
            return len(found) == len(self.nodes)
        return False

    def _move(self) -> None:
        self.kill()
        self.port = free_port(*self.hosts)
        for node in self.nodes:
            node.move(self.port)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.services.cassandra", description="Run a Cassandra.")
    parser.add_argument("nodes", nargs="?", type=int, choices=[1, 3], default=1, help="how many nodes (default: 1)")
    asked = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt), Cassandra(find_cassandra(), nodes=asked.nodes) as server:
        print(f"Cassandra {server.jars.version} is on {','.join(server.hosts)} port {server.port}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
