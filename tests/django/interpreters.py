"""An environment with Django 6, which needs a newer Python than the one that all tests run with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.packaging.environments import ROOT, clean_environment
from tests.services.fixtures import unavailable

__all__ = ["django_6"]

OLDEST = (3, 12)
NAMES = ("python3.12", "python3.13", "python3.14", "python3")
DISTRIBUTIONS = (
    "streamfw_core[cli]",
    "streamfw_redis",
    "plugins/streamfw_memory",
    "plugins/streamfw_celery",
    "plugins/streamfw_django",
)


def django_6(folder: Path) -> Path:
    """The interpreter of a new environment in `folder` with Django 6 and the distributions of the checkout."""
    home = folder / "django-6"
    _run(_newer_python(), "-m", "venv", str(home))
    python = str(home / ("Scripts" if os.name == "nt" else "bin") / "python")
    ours = [part for name in DISTRIBUTIONS for part in ("--editable", str(ROOT / name))]
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run(*pip, "django>=6,<7", "hatchling>=1.26", "editables")
    _run(*pip, "--no-build-isolation", *ours)  # else one more environment is made for each of them
    return Path(python)


def _newer_python() -> str:
    found = next(filter(_is_newer, _candidates()), None)
    if found is None:
        unavailable("Django 6 needs Python 3.12 or newer, and neither this Python nor any on PATH or of pyenv is")
    return found


def _is_newer(python: str) -> bool:
    code = f"import sys, venv, ensurepip; sys.exit(sys.version_info < {OLDEST})"
    return subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0


def _candidates() -> Iterator[str]:
    yield sys.executable
    yield from filter(None, map(shutil.which, NAMES))
    # What pyenv puts on PATH works for the versions only that are switched on.
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from map(str, sorted(versions.glob("3.1[2-9]*/bin/python")))


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=clean_environment(), timeout=600)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
