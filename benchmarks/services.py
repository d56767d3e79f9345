"""Servers for benchmarks: those of the tests, private and gone afterwards."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # the servers are the tests' own

from tests.services.binaries import Binary, find_binaries
from tests.services.cassandra import Cassandra, find_cassandra
from tests.services.cluster import Cluster
from tests.services.npm import find_statsd
from tests.services.ports import free_port
from tests.services.redis import Server
from tests.services.statsd import HOST as STATSD_HOST
from tests.services.statsd import Statsd

__all__ = [
    "STATSD_HOST",
    "Cassandra",
    "Cluster",
    "Server",
    "Statsd",
    "add_server_option",
    "binary_of",
    "find_cassandra",
    "find_statsd",
    "free_port",
]


def add_server_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", default="redis-7.0", help="such as redis-8.2, as far as it is installed")


def binary_of(options: argparse.Namespace) -> Binary:
    """The program that `--server` names."""
    found = {binary.label: binary for binary in find_binaries()}
    if options.server not in found:
        raise SystemExit(f"{options.server} is not installed, there are: {', '.join(found) or 'none'}; see --server")
    return found[options.server]
