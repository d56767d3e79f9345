"""What is built for an index: complete, pinned, and free of this machine's paths."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.packaging import artifacts
from tests.packaging.environments import ROOT, build, siblings

pytestmark = pytest.mark.packaging

SIBLINGS = [folder.name for folder in siblings(ROOT)]


def test_every_distribution_builds_a_wheel_and_a_source_distribution(release: Path) -> None:
    for name in ["streamfw", *SIBLINGS]:
        assert len(list(release.glob(f"{name}-*.whl"))) == 1
        assert len(list(release.glob(f"{name}-*.tar.gz"))) == 1


def test_all_versions_are_one(release: Path) -> None:
    assert len({artifacts.metadata(path)["Version"] for path in release.iterdir()}) == 1


@pytest.mark.parametrize("suffix", ["whl", "tar.gz"])
def test_the_root_pins_its_siblings_by_version(release: Path, suffix: str) -> None:
    [root] = release.glob(f"streamfw-*.{suffix}")
    version = artifacts.metadata(root)["Version"]
    required = [Requirement(line) for line in artifacts.requirements(root)]

    assert {item.name.replace("-", "_") for item in required} == set(SIBLINGS)
    assert {str(item.specifier) for item in required} == {f"=={version}"}


@pytest.mark.parametrize("name", SIBLINGS)
def test_a_sibling_admits_the_version_it_is_released_with(release: Path, name: str) -> None:
    [wheel] = release.glob(f"{name}-*.whl")
    version = artifacts.metadata(wheel)["Version"]
    required = [Requirement(line) for line in artifacts.requirements(wheel)]

    assert all(version in item.specifier for item in required if item.name.startswith("streamfw"))
    assert all(item.specifier for item in required), "a requirement without a version takes whatever there is"


@pytest.mark.parametrize("name", SIBLINGS)
def test_a_wheel_holds_its_package_its_types_and_its_license(release: Path, name: str) -> None:
    [wheel] = release.glob(f"{name}-*.whl")
    inside = artifacts.files(wheel)
    source = next(folder for folder in siblings(ROOT) if folder.name == name) / "src"
    modules = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}

    assert modules <= inside
    assert f"{name}/py.typed" in inside
    assert any(path.endswith("licenses/LICENSE") for path in inside)
    assert {path.partition("/")[0] for path in inside if ".dist-info/" not in path} == {name}


@pytest.mark.parametrize("name", SIBLINGS)
def test_a_source_distribution_holds_the_same(release: Path, name: str) -> None:
    [sdist] = release.glob(f"{name}-*.tar.gz")
    inside = {path.partition("/")[2] for path in artifacts.files(sdist)}

    assert {"LICENSE", "README.md", "pyproject.toml", f"src/{name}/py.typed"} <= inside


@pytest.mark.parametrize("name", ["streamfw", *SIBLINGS])
@pytest.mark.parametrize("suffix", ["whl", "tar.gz"])
def test_an_index_shows_the_readme(release: Path, name: str, suffix: str) -> None:
    [artifact] = release.glob(f"{name}-*.{suffix}")

    assert str(artifacts.metadata(artifact).get_payload()).lstrip().startswith("# streamfw")


def test_the_root_wheel_holds_no_code(release: Path) -> None:
    [wheel] = release.glob("streamfw-*.whl")

    assert all(".dist-info/" in path for path in artifacts.files(wheel))


def test_a_release_may_be_published(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert artifacts.main(str(release)) == 0
    assert "may be published" in capsys.readouterr().out


def test_a_wheel_built_in_a_checkout_is_refused(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(checkout, tmp_path, release=False, kind="wheel").returncode == 0

    assert artifacts.main(str(tmp_path)) == 1
    assert "METADATA: Requires-Dist: streamfw-memory @ file://" in capsys.readouterr().err


def test_a_leaked_path_in_a_source_distribution_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = b"Metadata-Version: 2.4\nName: x\nVersion: 1\nRequires-Dist: y @ file:///somewhere/y\n"
    with tarfile.open(tmp_path / "x-1.tar.gz", "w:gz") as sdist:
        member = tarfile.TarInfo("x-1/PKG-INFO")
        member.size = len(text)
        sdist.addfile(member, io.BytesIO(text))

    assert artifacts.main(str(tmp_path)) == 1
    assert "x-1.tar.gz, x-1/PKG-INFO: Requires-Dist: y @ file:///somewhere/y" in capsys.readouterr().err


def test_an_empty_folder_is_not_taken_for_a_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert artifacts.main(str(tmp_path)) == 2
    assert "holds no wheel" in capsys.readouterr().err


def test_a_checkout_refuses_to_build_the_roots_source_distribution(checkout: Path, tmp_path: Path) -> None:
    done = build(checkout, tmp_path, release=False, kind="sdist")

    assert done.returncode != 0
    assert "Set STREAMFW_RELEASE=1 to pin them by version" in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
