"""One node of a Cassandra: a Java in a folder of its own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence

import psutil

from tests.services.certificates import Certificate, keystore
from tests.services.jars import CassandraJars
from tests.services.ports import BUS
from tests.services.program import Program
from tests.services.waiting import wait_for

_TAKEN = ("Failed to bind port", "is in use by another process")
_WITHIN = 120.0  # three at once on two busy cores

# Java hides parts of itself that Cassandra uses; as its conf/jvm17-server.options has it, and what 4.1 measures.
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
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.util.concurrent.locks",
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


# Acknowledged means on disk; otherwise a node that is killed forgets its last seconds, and its tables.
_DURABLE = {"commitlog_sync": "batch"}
_FAST = {"commitlog_sync": "periodic", "commitlog_sync_period": "10s"}
_SMALL = {
    "commitlog_total_space": "256MiB",
    "concurrent_compactors": 1,
    "concurrent_counter_writes": 4,
    "concurrent_reads": 8,
    "concurrent_writes": 8,
    "counter_cache_size": "0MiB",
    "file_cache_size": "32MiB",
    "key_cache_size": "4MiB",
    "memtable_allocation_type": "unslabbed_heap_buffers",  # others take 1 MiB for each table that is written to
}
# A machine that is busy is no failure.
_PATIENT = {
    "counter_write_request_timeout": "10s",
    "range_request_timeout": "20s",
    "read_request_timeout": "10s",
    "write_request_timeout": "10s",
}


class Node(Program):
    """One server, which has what it acknowledged after `kill` and `start`, if it is `durable`.

    :param cluster: the name of the cluster that it takes part in.
    :param seeds: the hosts of all of its nodes.
    :param token: where its share of the ring ends.
    """

    patience = 30.0
    tail = 40

    def __init__(
        self,
        jars: CassandraJars,
        host: str,
        port: int,
        *,
        cluster: str,
        seeds: Sequence[str],
        token: int,
        heap: str,
        durable: bool,
        fast: bool,
        certificate: Certificate | None,
        settings: Mapping[str, object],
        properties: Mapping[str, object],
    ) -> None:
        super().__init__("cassandra")
        self.jars = jars
        self.host = host
        self.port = port
        self._cluster = cluster
        self._seeds = seeds
        self._token = token
        self._heap = heap
        self._durable = durable
        self._fast = fast
        self._certificate = certificate
        self._settings = settings
        self._properties = properties

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def config(self) -> dict[str, object]:
        """What its cassandra.yaml says."""
        seeds = {
            "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
            "parameters": [{"seeds": ",".join(self._seeds)}],
        }
        return {
            "cluster_name": self._cluster,
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "endpoint_snitch": "SimpleSnitch",
            "seed_provider": [seeds],
            "listen_address": self.host,
            "rpc_address": self.host,
            "storage_port": self.port + BUS,
            "native_transport_port": self.port,
            "num_tokens": 1,
            "initial_token": str(self._token),
            "auto_bootstrap": False,  # all start at once, with nothing to hand over
            "auto_snapshot": False,
            "materialized_views_enabled": False,
            "sasi_indexes_enabled": False,
            "disk_optimization_strategy": "ssd",
            **_SMALL,
            **_PATIENT,
            **(_DURABLE if self._durable else _FAST),
            **({} if self._certificate is None else {"client_encryption_options": _encryption(self._certificate)}),
            **self._settings,
        }

    def properties(self) -> dict[str, object]:
        """What Java is told with -D."""
        temporary = self.folder / "tmp"
        return {
            "cassandra-foreground": "yes",
            "cassandra.config": (self.folder / "cassandra.yaml").as_uri(),
            "cassandra.logdir": self.folder,
            "cassandra.memtable.row_overhead_size": 180,  # it would measure that for seconds, and come to this
            "cassandra.ring_delay_ms": 100,
            "cassandra.shutdown_announce_in_ms": 100,
            "cassandra.skip_wait_for_gossip_to_settle": 0,
            "cassandra.storagedir": self.folder,
            "cassandra.superuser_setup_delay_ms": 500,
            "cassandra.system_auth.default_rf": len(self._seeds),
            "cassandra.unsafesystem": str(not self._durable).lower(),
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

    def launch(self) -> None:
        (self.folder / "tmp").mkdir(exist_ok=True)
        # What is JSON is YAML too.
        (self.folder / "cassandra.yaml").write_text(json.dumps(self.config(), indent=1), encoding="utf-8")
        (self.folder / "logback.xml").write_text(_LOGBACK, encoding="utf-8")
        self._launch([self.jars.java, *self._options(), "org.apache.cassandra.service.CassandraDaemon"])

    def wait_until_ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: not self.running or self._listens(), f"{self} listens", within=_WITHIN)
        if self.running and self._listens():
            return
        self.kill()
        raise RuntimeError(f"{self} does not start:\n{self.log()}")

    def is_taken(self) -> bool:
        """Whether it ended because some process was faster to take a port of it."""
        return not self.running and any(reason in self.output() for reason in _TAKEN)

    def move(self, port: int) -> None:
        """Start on another port the next time, as if it were the first."""
        self.port = port
        (self.folder / "log").unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    def _options(self) -> list[str]:
        return [
            # Small and soon ready, rather than fast after a minute.
            f"-Xmx{self._heap}",
            *([f"-Xms{self._heap}", "-XX:+UseG1GC"] if self._fast else ["-Xms96M", "-XX:+UseSerialGC"]),
            *([] if self._fast else ["-XX:TieredStopAtLevel=1"]),
            "-Xss256k",
            "-XX:-UsePerfData",  # which is a file among the temporary ones of the machine
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={self.folder / 'crash'}",
            *(f"-javaagent:{jar}" for jar in self.jars.folder.glob("jamm-*.jar")),
            *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS),
            *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS),
            *(f"-D{name}={value}" for name, value in self.properties().items()),
            "-cp",
            f"{self.jars.folder}/*",
        ]

    def _listens(self) -> bool:
        """Whether it does, and not another that was faster to take the port; it is the last that Cassandra does."""
        with contextlib.suppress(psutil.NoSuchProcess):
            listening = psutil.Process(self.pid).net_connections("tcp")
            return any(found.status == psutil.CONN_LISTEN and found.laddr.port == self.port for found in listening)
        return False


def _encryption(certificate: Certificate) -> dict[str, object]:
    keys, password = keystore(certificate)
    return {
        "enabled": True,
        "optional": False,
        "keystore": str(keys),
        "keystore_password": password,
        "store_type": "PKCS12",
    }
