"""What is installed: from wheels, from a checkout, with plugins of others, whole or broken."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.packaging.environments import EXAMPLE_PLUGIN, ROOT, Environment, siblings

pytestmark = pytest.mark.packaging

NOT_AT_IMPORT = {
    "cassandra", "celery", "click", "django", "fastapi", "flask", "greenlet", "hypothesis", "kombu", "matplotlib",
    "opentelemetry", "prometheus_client", "pytest", "redis", "rich", "statsd",
}  # fmt: skip

BROKEN_PLUGIN = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling>=1.26"]
        build-backend = "hatchling.build"

        [project]
        name = "streamfw-broken"
        version = "3.2.1"

        [project.entry-points.streamfw]
        broken = "streamfw_broken.plugin"
        """,
    "streamfw_broken/__init__.py": "",
    "streamfw_broken/plugin.py": 'raise ImportError("libbroken.so.7: cannot open shared object file")\n',
}


@pytest.fixture(scope="module")
def everything(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment into which a newcomer installed the checkout with all its extras."""
    environment = Environment(tmp_path_factory.mktemp("everything") / "venv")
    environment.pip("install", f"{checkout}[all]")
    return environment


@pytest.fixture(scope="module")
def core_alone(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("core") / "venv")
    [wheel] = release.glob("streamfw_core-*.whl")
    environment.pip("install", str(wheel))
    return environment


def test_all_wheels_install_together_into_an_empty_environment(wheels: list[str], tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    environment.pip("install", *wheels)

    names = {"streamfw", *(folder.name.replace("_", "-") for folder in siblings(ROOT))}
    assert names <= set(environment.installed())
    environment.pip("check")
    environment.run("python", "-m", "streamfw_core", "plugins")


def test_a_checkout_installs_with_all_extras_into_an_empty_environment(everything: Environment) -> None:
    names = {"streamfw", *(folder.name.replace("_", "-") for folder in siblings(ROOT))}
    assert names <= set(everything.installed())
    everything.pip("check")


def test_a_checkout_installs_without_extras_and_runs_the_demo(checkout: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    environment.pip("install", str(checkout))

    assert environment.run("streamfw", "demo").stdout.strip()
    assert environment.run("python", "-m", "streamfw_core", "demo").stdout.strip()
    assert not {"matplotlib", "pytest", "hypothesis"} & set(environment.installed())


def test_the_installed_plugins_are_listed(everything: Environment) -> None:
    plugins = by_name(everything)

    assert plugins["memory"]["distribution"] == "streamfw-memory"
    assert plugins["memory"]["version"] == everything.installed()["streamfw-memory"]
    assert plugins["memory"]["status"] == "loaded"


def test_importing_core_loads_nothing_optional_even_when_it_is_there(everything: Environment) -> None:
    assert not NOT_AT_IMPORT & everything.modules_after("import streamfw_core")


WITH_HOOKS = [folder.name for folder in siblings(ROOT) if (folder / "src" / folder.name / "plugin.py").is_file()]


@pytest.mark.parametrize("name", WITH_HOOKS)
def test_a_hook_module_loads_only_core(everything: Environment, name: str) -> None:
    core = everything.modules_after("from streamfw_core.plugins import hookimpl")
    loaded = everything.modules_after(f"import {name}.plugin") - core
    foreign = {module for module in loaded if module.partition(".")[0] not in sys.stdlib_module_names}

    assert foreign == {name, f"{name}.plugin"}


def test_core_works_without_the_command_line(core_alone: Environment) -> None:
    assert not NOT_AT_IMPORT & core_alone.modules_after("import streamfw_core")
    assert not {"click", "rich"} & set(core_alone.installed())


@pytest.mark.parametrize("command", [["streamfw"], ["python", "-m", "streamfw_core"]])
def test_the_script_without_its_libraries_says_what_to_install(core_alone: Environment, command: list[str]) -> None:
    program, *arguments = command
    done = core_alone.run(program, *arguments, "demo", check=False)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "the command line needs click and rich, which are not installed" in done.stderr
    assert 'python -m pip install "streamfw-core[cli]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_example_plugin_installs_beside_and_is_found(checkout: Path, wheels: list[str], tmp_path: Path) -> None:
    source = checkout / EXAMPLE_PLUGIN
    if not source.is_dir():
        reason = f"{EXAMPLE_PLUGIN} is not there"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    environment = Environment(tmp_path / "venv")
    environment.pip("install", *wheels, str(source))

    found = [entry for entry in by_name(environment).values() if entry["distribution"] == "streamfw-example-storage"]
    assert [entry["status"] for entry in found] == ["loaded"]
    assert by_name(environment)["memory"]["status"] == "loaded"


def test_a_broken_plugin_breaks_nothing_else_and_is_reported(wheels: list[str], tmp_path: Path) -> None:
    source = tmp_path / "streamfw_broken"
    for name, text in BROKEN_PLUGIN.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    environment = Environment(tmp_path / "venv")
    environment.pip("install", *wheels, str(source))

    plugins = by_name(environment)
    assert plugins["broken"]["status"] == "broken"
    assert plugins["broken"]["distribution"] == "streamfw-broken"
    assert plugins["broken"]["version"] == "3.2.1"
    assert "libbroken.so.7" in str(plugins["broken"])
    assert plugins["memory"]["status"] == "loaded"
    environment.run("streamfw", "demo")


def by_name(environment: Environment) -> dict[str, dict[str, object]]:
    return {entry["name"]: entry for entry in environment.plugins()["plugins"]}
