"""The application into which bad inputs are put."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamfw_core.plugins import loader
from streamfw_core.plugins.discovery import discover

from streamfw_core import Add, Comment, Follow, Love, verbs
from tests.acceptance.errors.world import MEMORY, World, write_files
from tests.services.fixtures import cassandra_jars, redis_binary, redis_server, shared_cassandra, shared_services

__all__ = ["cassandra_jars", "redis_binary", "redis_server", "shared_cassandra", "shared_services", "world"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An application, a folder with files, only the built-in verbs, no plugin but memory, and no settings from outside."""
    monkeypatch.setattr(verbs, "_verbs", {verb.id: verb for verb in (Follow, Comment, Love, Add)})
    monkeypatch.setattr(loader, "discover", lambda _given: discover([MEMORY]))
    for name in [*os.environ]:
        if name.startswith("STREAMFW_"):
            monkeypatch.delenv(name)
    # A command puts the current folder into it.
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    write_files()
    made = World()
    yield made
    for application in made.applications:
        application.close()
