"""A copy of the checkout, and the artifacts of a release, built once for all packaging tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.packaging.environments import ROOT, build, siblings
from tests.services.fixtures import (
    any_redis,
    rabbitmq_binary,
    rabbitmq_server,
    shared_services,
    start_rabbitmq,
    start_worker,
)

__all__ = [
    "any_redis",
    "checkout",
    "rabbitmq_binary",
    "rabbitmq_server",
    "release",
    "shared_services",
    "start_rabbitmq",
    "start_worker",
    "wheels",
]

_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "dist", "_build", "*.egg-info")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout under a path with spaces and more, which a file:// URL must quote."""
    folder = tmp_path_factory.mktemp("packaging") / "a checkout of mine (50% done)"
    shutil.copytree(ROOT, folder, ignore=_NOT_COPIED)
    return folder


@pytest.fixture(scope="session")
def release(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the source distribution of every distribution, built as for a release."""
    folder = tmp_path_factory.mktemp("release")
    for source in [checkout, *siblings(checkout)]:
        done = build(source, folder, release=True)
        assert done.returncode == 0, f"{source} does not build:\n{done.stdout}{done.stderr}"
    return folder


@pytest.fixture(scope="session")
def wheels(release: Path) -> list[str]:
    return [str(path) for path in sorted(release.glob("*.whl"))]
