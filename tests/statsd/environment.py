"""An environment with the other library: both install a module `statsd`, so the tests' own has only one of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.services.jars import alone, cache_folder

ROOT = Path(__file__).parents[2]
MEMBERS = ["streamfw_core", "plugins/streamfw_memory", "streamfw_statsd[python-statsd]"]
_DONE = "done"


def python_with_python_statsd() -> Path:
    """Its Python; made once for each checkout and version of Python, which takes some seconds and the network.

    :raises RuntimeError: with what pip says.
    """
    facts = f"{ROOT} {sys.version} {MEMBERS}"
    name = f"python-statsd-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    with alone(cache / f"{name}.lock"):
        if not (folder / _DONE).exists():
            venv.create(folder, clear=True, with_pip=True)
            editable = [argument for member in MEMBERS for argument in ("--editable", str(ROOT / member))]
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *editable]
            done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
            if done.returncode:
                raise RuntimeError(f"pip does not make the environment of python-statsd:\n{done.stderr}")
            (folder / _DONE).touch()
    return python
