"""Empty virtual environments, as a newcomer makes them, and what happens in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLE_PLUGIN = Path("examples", "streamfw_example_storage")


class Environment:
    """A virtual environment with nothing but the pip that comes with Python."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True, symlinks=os.name != "nt")
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.home = folder

    def run(
        self,
        program: str,
        *arguments: str,
        check: bool = True,
        cwd: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a script of the environment, by default from its own folder, so that the checkout is not importable."""
        done = subprocess.run(
            [str(self.scripts / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=cwd or self.home,
            env=clean_environment(**(variables or {})),
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(done.args)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def pip(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("python", "-m", "pip", "--disable-pip-version-check", *arguments, check=check)

    def install_from(self, folder: Path, *arguments: str) -> dict[str, str]:
        """Install from an index, and from a folder what is ours; returns where each distribution came from, a URL."""
        report = self.home / "report.json"
        self.pip("install", "--find-links", str(folder), "--report", str(report), *arguments)
        told = json.loads(report.read_text(encoding="utf-8"))["install"]
        return {entry["metadata"]["name"]: entry["download_info"]["url"] for entry in told}

    def installed(self) -> dict[str, str]:
        """Name and version of every installed distribution."""
        return {entry["name"]: entry["version"] for entry in json.loads(self.pip("list", "--format=json").stdout)}

    def modules_after(self, statement: str) -> set[str]:
        """The modules that are loaded once the statement has run."""
        code = f"{statement}\nimport sys; print(*sys.modules)"
        return set(self.run("python", "-c", code).stdout.split())

    def plugins(self) -> Any:
        """What `streamfw plugins --json` says."""
        return json.loads(self.run("streamfw", "plugins", "--json").stdout)


def clean_environment(**more: str) -> dict[str, str]:
    """The variables of this process without those that change what Python imports or what streamfw does."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STREAMFW", "PYTEST"))
    } | more


def build(source: Path, into: Path, *, release: bool, kind: str | None = None) -> subprocess.CompletedProcess[str]:
    """Build a source distribution and from it a wheel, or only one of the two (`kind`: sdist or wheel)."""
    # Without isolation: every distribution needs hatchling alone, and the session has installed it.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(into), str(source)]
    return subprocess.run(
        command + ([f"--{kind}"] if kind else []),
        check=False,
        capture_output=True,
        text=True,
        env=clean_environment(**({"STREAMFW_RELEASE": "1"} if release else {})),
    )


def siblings(root: Path) -> list[Path]:
    """The folder of every distribution that is released beside the root; an example is not."""
    return sorted(path.parent for pattern in ("*/", "plugins/*/") for path in root.glob(f"{pattern}pyproject.toml"))
