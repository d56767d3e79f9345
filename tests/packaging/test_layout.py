"""What the files of the repository say about each other: one list of distributions, one license."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.environments import ROOT, siblings

SIBLINGS = siblings(ROOT)
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIRED = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]

# Extras that cannot be part of [all], each with its reason.
NOT_IN_ALL = {"python-statsd": "it installs a module `statsd`, as the library of the extra `statsd` does"}


def project(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return loaded


def test_the_root_lists_every_distribution_of_the_repository() -> None:
    assert REQUIRED["siblings"] == {project(folder)["name"]: folder.relative_to(ROOT).as_posix() for folder in SIBLINGS}


def test_all_covers_every_distribution_and_every_extra() -> None:
    covered = {}
    for requirement in REQUIRED["extras"]["all"]:
        name, _, extras = requirement.rstrip("]").partition("[")
        covered[name] = set(filter(None, extras.split(",")))

    assert covered == {
        project(folder)["name"]: set(project(folder).get("optional-dependencies", {})) - set(NOT_IN_ALL)
        for folder in SIBLINGS
    }


def test_the_tools_know_every_distribution() -> None:
    tool = PYPROJECT["tool"]
    sources = {f"$MYPY_CONFIG_FILE_DIR/{folder.relative_to(ROOT).as_posix()}/src" for folder in SIBLINGS}

    assert sources <= set(tool["mypy"]["mypy_path"])
    assert set(tool["uv"]["sources"]) == {project(folder)["name"] for folder in SIBLINGS}


def test_the_import_contracts_cover_every_plugin() -> None:
    linter = PYPROJECT["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in linter["contracts"]}
    plugins = {folder.name for folder in SIBLINGS} - {"streamfw_core"}
    with_hooks = {name for folder in SIBLINGS for name in [folder.name] if (folder / "src" / name / "plugin.py").is_file()}
    hooks = contracts["Hook modules import only core"]

    assert set(linter["root_packages"]) == {"streamfw_core", *plugins}
    assert set(contracts["Core never imports a plugin"]["forbidden_modules"]) == plugins
    assert set(contracts["Plugins never import each other"]["modules"]) == plugins
    assert set(hooks["source_modules"]) == {f"{name}.plugin" for name in with_hooks}
    assert set(hooks["forbidden_modules"]) == {f"{name}.*" for name in with_hooks}


@pytest.mark.parametrize("folder", SIBLINGS, ids=lambda folder: folder.name)
def test_every_distribution_carries_the_license_of_the_repository(folder: Path) -> None:
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("folder", SIBLINGS, ids=lambda folder: folder.name)
def test_every_distribution_is_typed_and_reads_the_one_version(folder: Path) -> None:
    hatch = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    version = ROOT / "streamfw_core" / "src" / "streamfw_core" / "_version.py"

    assert (folder / "src" / folder.name / "py.typed").is_file()
    assert (folder / hatch["version"]["path"]).resolve() == version.resolve()
    assert project(folder)["requires-python"] == PYPROJECT["project"]["requires-python"]


def test_the_readme_says_the_lines_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    lines = re.findall(r"^(?:demo|tests)='(.+)'$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)

    assert len(lines) == 2
    assert set(lines) <= set(readme)


def test_every_changelog_fragment_has_a_type_that_towncrier_knows() -> None:
    types = {entry["directory"] for entry in PYPROJECT["tool"]["towncrier"]["type"]}
    fragments = [path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]

    assert all(len(path.suffixes) == 2 and path.suffixes[0].lstrip(".") in types for path in fragments), fragments
