"""Everything that is run in this repository, run one way: python -m nox -s SESSION [-- ARGUMENTS].

New here?      python -m pip install nox && python -m nox -s dev
Before a push: python -m nox                (the sessions marked with * below)
One test:      python -m nox -s tests -- tests/core -k cursor
Faster again:  python -m nox -R -s tests    (reuses the environment as it is)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "typing", "lint", "imports", "docs"]

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
REQUIREMENTS: dict[str, Any] = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]
EXAMPLES = ["examples/streamfw_example_storage", "examples/streamfw_example_queue"]
DEVELOPMENT_FOLDER = ".venv"
SIDE_BY_SIDE = ["--numprocesses=2", "--dist=loadfile"]
"""Tests often wait for servers; each process has its own, of which Cassandra takes a gigabyte."""


@nox.session(venv_backend="none")
def dev(session: nox.Session) -> None:
    """Make .venv with every distribution editable and every tool; start here."""
    session.run(sys.executable, "-m", "virtualenv", "--quiet", DEVELOPMENT_FOLDER, external=True)
    scripts = ROOT / DEVELOPMENT_FOLDER / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    session.run(python, "-m", "pip", "install", *_editable(), *_group("dev"), external=True)
    activate = scripts / "activate" if os.name == "nt" else f"source {DEVELOPMENT_FOLDER}/bin/activate"
    session.log(f"Ready. Activate it with: {activate}")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite, all but the packaging tests, several files at a time; or what arguments to pytest say."""
    session.install(*_editable(), *_group("tests"))
    session.run("pytest", "-m", "not packaging", *(session.posargs or SIDE_BY_SIDE))


@nox.session
def conformance(session: nox.Session) -> None:
    """Hold every backend of the repository and the example plugins against the conformance kit."""
    session.install(*_editable(), *_examples(), *_group("tests"))
    session.run("pytest", "-m", "not packaging", "-k", "conformance", *(session.posargs or ["tests", "examples"]))


@nox.session
def packaging(session: nox.Session) -> None:
    """Build every distribution, and install them in empty environments (a few minutes)."""
    session.install(*_editable(), *_group("packaging"))
    # A fixture that builds and installs everything is slow where much else runs.
    session.run("pytest", "-m", "packaging", "--timeout=1200", *(session.posargs or ["tests/packaging"]))


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of everything with mypy --strict."""
    session.install(*_editable(), *_examples(), *_group("tests"), *_group("typing"))
    session.run("mypy", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style with ruff; `-- --fix` repairs what it can."""
    session.install(*_group("lint"))
    session.run("ruff", "check", *session.posargs, ".")


@nox.session(name="imports")
def import_contracts(session: nox.Session) -> None:
    """Hold the imports against the contracts in pyproject.toml: who may import whom, and why."""
    session.install(*_editable(), *_group("imports"))
    session.run("lint-imports", "--no-cache", *session.posargs)  # the cache misses modules that appear


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; a warning is an error."""
    session.install(*_editable(), *_group("docs"))
    strict = ["-n", "-W", "--keep-going"]
    session.run("sphinx-build", *strict, *session.posargs, "-b", "html", "docs", "docs/_build/html")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run the benchmarks, each beside a baseline; `-- NAME` runs those with NAME in their file name."""
    session.install(*_editable(), *_group("tests"))
    wanted = session.posargs or [""]
    for script in sorted(ROOT.glob("benchmarks/*.py")):
        is_program = "__main__" in script.read_text(encoding="utf-8")  # not what the programs share
        if is_program and any(name in script.name for name in wanted):
            session.run("python", str(script.relative_to(ROOT)))


@nox.session
def build(session: nox.Session) -> None:
    """Build every distribution into dist/ as for a release: siblings pinned by version."""
    session.install(*_group("packaging"))
    for folder in [".", *REQUIREMENTS["siblings"].values()]:
        session.run("python", "-m", "build", "--outdir", "dist", folder, env={"STREAMFW_RELEASE": "1"})
    session.run("python", "tests/packaging/artifacts.py", "dist")


@nox.session
def changelog(session: nox.Session) -> None:
    """Show what the fragments in changelog.d/ add to the changelog."""
    session.install(*_group("changelog"))
    session.run("towncrier", "build", "--draft", *session.posargs)


def _editable() -> list[str]:
    """Every sibling with the extras of [all], for one pip command: pip then takes each from the checkout.

    Without the root, which requires its siblings by path: pip refuses a path beside an editable of the same.
    """
    arguments = []
    for requirement in REQUIREMENTS["extras"]["all"]:
        name, bracket, extras = requirement.partition("[")
        arguments += ["--editable", f"./{REQUIREMENTS['siblings'][name]}{bracket}{extras}"]
    return arguments


def _examples() -> list[str]:
    return [argument for folder in EXAMPLES for argument in ("--editable", f"./{folder}")]


def _group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PYPROJECT, name)
