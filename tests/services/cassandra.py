"""Apache Cassandra: one node, or three.

python -m tests.services.cassandra [NODES] starts one to try things on, says where it is, and ends it at Ctrl-C.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Mapping
from typing import Self

import psutil

from tests.services.jars import CassandraJars, find_cassandra
from tests.services.ports import BUS, free_port
from tests.services.program import Program
from tests.services.waiting import wait_for

DATACENTER = "datacenter1"
"""As the snitch names it."""

_RING = 1 << 64
_TAKEN = ("Failed to bind port", "is in use by another process")
_TRIES = 5
_WITHIN = 120.0  # three at once on two busy cores

# Java hides parts of itself that Cassandra uses; as conf/jvm17-server.options has it.
_EXPORTS = (
    "java.base/java.lang.ref",
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
)
_OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)
_LOGBACK = """\
<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{HH:mm:ss.SSS} [%thread] %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="STDOUT"/></root>
</configuration>
"""


class Node(Program):
    """One server, which knows what it has promised after `kill` and `start`, unless it is not `durable`."""

    patience = 30.0
    tail = 40

    def __init__(
        self,
        jars: CassandraJars,
        host: str,
        port: int,
        *,
        heap: str,
        durable: bool,
        settings: Mapping[str, object],
        properties: Mapping[str, object],
    ) -> None:
        super().__init__("cassandra")
        self.jars = jars
        self.host = host
        self.port = port
        self._heap = heap
        self._durable = durable
        self._settings = settings
        self._properties = properties

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def launch(self) -> None:
        self._write()
        self._launch([self.jars.java, *self._options(), "org.apache.cassandra.service.CassandraDaemon"])

    def wait_until_ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: not self.running or self._listens(), f"{self} listens", within=_WITHIN)
        if self.running and self._listens():
            return
        said = self.log()
        self.kill()
        raise RuntimeError(f"{self} does not start:\n{said}")

    def taken(self) -> bool:
        """Whether it ended because another process was faster to take its port."""
        return not self.running and any(reason in self.output() for reason in _TAKEN)

    def move(self, port: int) -> None:
        """Start on another port, after `kill`."""
        self.port = port
        (self.folder / "log").unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    def config(self) -> dict[str, object]:
        """What cassandra.yaml says."""
        seeds = self._settings.get("seeds", self.host)
        return {
            "cluster_name": self.folder.parent.name,
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "endpoint_snitch": "SimpleSnitch",
            "seed_provider": [
                {
                    "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                    "parameters": [{"seeds": seeds}],
                }
            ],
            "listen_address": self.host,
            "rpc_address": self.host,
            "storage_port": self.port + BUS,
            "native_transport_port": self.port,
            "auto_snapshot": False,
            "num_tokens": 1,
            **({"commitlog_sync": "batch"} if self._durable else _PERIODIC),
            "commitlog_total_space": "256MiB",
            "disk_optimization_strategy": "ssd",
            "disk_access_mode": "mmap_index_only",
            "concurrent_reads": 8,
            "concurrent_writes": 8,
            "concurrent_counter_writes": 4,
            "concurrent_compactors": 1,
            "file_cache_size": "32MiB",
            "key_cache_size": "4MiB",
            "counter_cache_size": "0MiB",
            **{name: value for name, value in self._settings.items() if name != "seeds"},
        }

    def _write(self) -> None:
        # What is JSON is YAML too.
        (self.folder / "cassandra.yaml").write_text(json.dumps(self.config(), indent=1), encoding="utf-8")
        (self.folder / "logback.xml").write_text(_LOGBACK, encoding="utf-8")
        (self.folder / "tmp").mkdir(exist_ok=True)

    def _options(self) -> list[str]:
        temporary = self.folder / "tmp"
        properties = {
            "cassandra.config": (self.folder / "cassandra.yaml").as_uri(),
            "cassandra.storagedir": self.folder,
            "cassandra.logdir": self.folder,
            "cassandra.ring_delay_ms": 100,
            "cassandra.skip_wait_for_gossip_to_settle": 0,
            "cassandra.superuser_setup_delay_ms": 500,
            "cassandra.unsafesystem": str(not self._durable).lower(),
            "cassandra-foreground": "yes",
            "chronicle.analytics.disable": "true",
            "chronicle.announcer.disable": "true",
            "io.netty.tryReflectionSetAccessible": "true",
            "java.awt.headless": "true",
            "java.io.tmpdir": temporary,
            "java.net.preferIPv4Stack": "true",
            "jdk.attach.allowAttachSelf": "true",
            "jna.tmpdir": temporary,
            "logback.configurationFile": self.folder / "logback.xml",
            **self._properties,
        }
        return [
            "-server",
            f"-Xmx{self._heap}",
            "-Xss256k",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",  # a file in the folder of temporary files of the machine
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={self.folder / 'crash'}",
            *(f"-javaagent:{jar}" for jar in self.jars.folder.glob("jamm-*.jar")),
            *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS),
            *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS),
            *(f"-D{name}={value}" for name, value in properties.items()),
            "-cp",
            f"{self.jars.folder}/*",
        ]

    def _listens(self) -> bool:
        """Whether it is this process that clients would talk to."""
        with contextlib.suppress(psutil.NoSuchProcess):
            listening = psutil.Process(self.pid).net_connections("tcp")
            return any(found.status == psutil.CONN_LISTEN and found.laddr.port == self.port for found in listening)
        return False


_PERIODIC = {"commitlog_sync": "periodic", "commitlog_sync_period": "10s"}


class Cassandra:
    """One node, or three on 127.0.0.1 to 127.0.0.3 with the same ports, of which each knows its share or all of it.

    Entered, it runs; left, it is gone with its folders. `nodes` can be killed, and started again, one by one.

    :param durable: what was acknowledged is there after `kill` and `start`; without, tables come and go faster.
    :param authenticator: PasswordAuthenticator asks for `username` and `password`.
    :param settings: more of cassandra.yaml, by name.
    :param properties: more of what Java is given with -D.
    """

    def __init__(
        self,
        jars: CassandraJars,
        *,
        nodes: int = 1,
        durable: bool = True,
        authenticator: str = "AllowAllAuthenticator",
        heap: str | None = None,
        settings: Mapping[str, object] | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        self.jars = jars
        self.hosts = [f"127.0.0.{number}" for number in range(1, nodes + 1)]
        self.port = free_port()
        self.authenticator = authenticator
        several = nodes > 1
        self.nodes = [
            Node(
                jars,
                host,
                self.port,
                heap=heap or ("400M" if several else "1G"),
                durable=durable,
                settings={
                    "authenticator": authenticator,
                    "authorizer": "AllowAllAuthorizer",
                    "seeds": ",".join(self.hosts),
                    "initial_token": str(_RING // nodes * index - _RING // 2),
                    "auto_bootstrap": False,
                    **(settings or {}),
                },
                properties={"cassandra.system_auth.default_rf": nodes, **(properties or {})},
            )
            for index, host in enumerate(self.hosts)
        ]

    @property
    def host(self) -> str:
        """Of the first node."""
        return self.hosts[0]

    @property
    def datacenter(self) -> str:
        return DATACENTER

    @property
    def username(self) -> str | None:
        return "cassandra" if self._asks else None

    @property
    def password(self) -> str | None:
        return "cassandra" if self._asks else None

    @property
    def running(self) -> list[Node]:
        return [node for node in self.nodes if node.running]

    def start(self) -> Self:
        """Start the nodes that do not run, and wait until every one takes part."""
        for _ in range(_TRIES):
            missing = [node for node in self.nodes if not node.running]
            for node in missing:
                node.launch()
            try:
                for node in missing:
                    node.wait_until_ready()
                break
            except RuntimeError:
                if not any(node.taken() for node in missing) or len(missing) < len(self.nodes):
                    raise
                self._move()
        else:
            raise RuntimeError(f"{self} found no port that stayed free, {_TRIES} times")
        return self

    def stop(self) -> None:
        """End every node as an administrator does, with SIGTERM."""
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """End every node as a power failure does."""
        for node in self.nodes:
            node.kill()

    def restart(self) -> Self:
        """End it if it runs, and start it with what it kept."""
        self.stop()
        return self.start()

    def close(self) -> None:
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
        return f"<{type(self).__name__} {self.jars.version} {','.join(self.hosts)}:{self.port}>"

    @property
    def _asks(self) -> bool:
        return self.authenticator == "PasswordAuthenticator"

    def _move(self) -> None:
        self.kill()
        self.port = free_port()
        for node in self.nodes:
            node.move(self.port)


def main(nodes: int) -> None:
    with Cassandra(find_cassandra(), nodes=nodes) as server:
        print(f"{server} runs; Ctrl-C ends it", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main(int((sys.argv[1:] or ["1"])[0]))
