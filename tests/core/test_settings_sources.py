"""Settings are found wherever they are, and nothing is imported to find out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from streamfw_core.errors import SettingsError
from streamfw_core.settings import Settings, resolve

VARIABLE = "environment variable STREAMFW_SETTINGS"
MINE = {"storages": {"hot": "mydb://localhost"}}


class FakeDjangoSettings:
    """As `django.conf.settings`: an object with attributes that says whether it is configured."""

    def __init__(self, configured: bool = True, **names: object) -> None:
        self.configured = configured
        self.__dict__.update(names)


class FakeFlask:
    def __init__(self, **config: object) -> None:
        self.name = "shop"
        self.config = {"DEBUG": False, "SECRET_KEY": "hunter2", **config}


@pytest.fixture
def with_django(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(settings: object) -> None:
        module = ModuleType("django.conf")
        module.settings = settings  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "django.conf", module)

    return put


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        (tmp_path / "conf_under_test.py").write_text(text)
        monkeypatch.delitem(sys.modules, "conf_under_test", raising=False)
        return "conf_under_test"

    yield write
    sys.modules.pop("conf_under_test", None)


def is_mine(settings: Settings, origin: str) -> bool:
    return list(settings.storages) == ["hot"] and settings.origin("storages.hot.options.url") == origin


def problem(source: object = None, variable: str | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        resolve(source, environ={} if variable is None else {"STREAMFW_SETTINGS": variable})
    (only,) = caught.value.problems
    return str(only)


# --- STREAMFW_SETTINGS=module:attr --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"S = {MINE!r}",
        f"S = {{'STREAMFW': {MINE!r}, 'DEBUG': True}}",
        f"class S:\n    STREAMFW = {MINE!r}",
        f"class App:\n    name = 'shop'\n    config = {{'STREAMFW': {MINE!r}}}\nS = App()",
    ],
    ids=["settings", "configuration", "object", "app"],
)
def test_the_environment_names_them(module: Any, text: str) -> None:
    name = module(text)
    settings = resolve(environ={"STREAMFW_SETTINGS": f"{name}:S"})
    assert is_mine(settings, f"environment STREAMFW_SETTINGS={name}:S")


def test_a_reference_may_be_given_instead_and_may_reach_inside(module: Any) -> None:
    name = module(f"class Config:\n    S = {MINE!r}")
    assert is_mine(resolve(f"{name}:Config.S", environ={}), f"{name}:Config.S")


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_is_none(value: str) -> None:
    assert resolve(environ={"STREAMFW_SETTINGS": value}) == resolve(environ={})


def test_the_colon_is_missing() -> None:
    assert problem(variable="myapp.settings") == (
        f"{VARIABLE}: must be 'module:attribute', is 'myapp.settings' (such as 'myapp.settings:STREAMFW')"
    )


def test_the_module_cannot_be_imported(module: Any) -> None:
    assert problem(variable="streamfw_no_such_module:S") == (
        f"{VARIABLE}: the module 'streamfw_no_such_module' cannot be imported: "
        "ModuleNotFoundError: No module named 'streamfw_no_such_module' "
        "(`python -c 'import streamfw_no_such_module'` shows more; is its folder on sys.path?)"
    )
    name = module("raise RuntimeError('cannot reach mydb://me:hunter2@host')")
    text = problem(variable=f"{name}:S")
    assert "RuntimeError: cannot reach mydb://***@host" in text


def test_the_attribute_is_missing(module: Any) -> None:
    name = module("STREAMFW = {}")
    assert problem(variable=f"{name}:STREAMWF") == (
        f"{VARIABLE}: the module '{name}' has no attribute 'STREAMWF' (did you mean 'STREAMFW'?)"
    )


@pytest.mark.parametrize(("value", "what"), [("None", "None"), ("'x'", "a str"), ("[]", "a list"), ("3", "an int")])
def test_it_is_of_the_wrong_type(module: Any, value: str, what: str) -> None:
    text = problem(variable=f"{module(f'S = {value}')}:S")
    assert text.startswith(f"{VARIABLE}: must be a mapping, a Flask app, or a settings object or module ")
    assert f"is {what}" in text


def test_an_object_without_settings_is_of_the_wrong_type() -> None:
    assert "a SimpleNamespace has none of that" in problem(SimpleNamespace(x=1))


def test_a_url_is_no_reference() -> None:
    text = problem(variable="mydb://me:hunter2@localhost")
    assert "must be 'module:attribute', is a URL" in text
    assert "hunter2" not in text


# --- Django -------------------------------------------------------------------------------------------------


def test_django_is_asked_when_it_is_there_and_configured(with_django: Any) -> None:
    with_django(FakeDjangoSettings(STREAMFW=MINE, DEBUG=True))
    assert is_mine(resolve(environ={}), "django.conf.settings")


def test_django_is_left_alone_when_it_is_not_configured(with_django: Any) -> None:
    with_django(FakeDjangoSettings(configured=False, STREAMFW=MINE))
    assert list(resolve(environ={}).storages) == ["default"]


def test_django_without_our_settings_means_the_defaults(with_django: Any) -> None:
    with_django(FakeDjangoSettings(DEBUG=True))
    assert resolve(environ={}) == resolve({}, environ={})


def test_the_environment_goes_before_django(with_django: Any, module: Any) -> None:
    with_django(FakeDjangoSettings(STREAMFW={"storages": {"other": "mydb"}}))
    name = module(f"S = {MINE!r}")
    assert list(resolve(environ={"STREAMFW_SETTINGS": f"{name}:S"}).storages) == ["hot"]


def test_what_is_passed_goes_before_all(with_django: Any) -> None:
    with_django(FakeDjangoSettings(STREAMFW={"storages": {"other": "mydb"}}))
    assert is_mine(resolve(MINE, environ={"STREAMFW_SETTINGS": "not looked at"}), "mapping")


def test_djangos_settings_may_be_passed(with_django: Any) -> None:
    settings = FakeDjangoSettings(STREAMFW=MINE)
    assert is_mine(resolve(settings, environ={}), "attributes of FakeDjangoSettings")
    with_django(settings)
    assert is_mine(resolve(settings, environ={}), "django.conf.settings")


def test_neither_django_nor_flask_nor_cattrs_is_imported() -> None:
    code = (
        "import sys; from streamfw_core.settings import resolve; resolve(environ={}); resolve({'storages': {}});"
        "print([name for name in ('django', 'flask', 'cattrs', 'pluggy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- Flask, mappings, modules -------------------------------------------------------------------------------


def test_a_flask_app() -> None:
    assert is_mine(resolve(FakeFlask(STREAMFW=MINE), environ={}), "flask app 'shop' config")
    assert resolve(FakeFlask(), environ={}) == resolve({}, environ={})


def test_a_proxy_outside_of_its_context_is_a_problem() -> None:
    class Proxy:
        @property
        def config(self) -> object:
            raise RuntimeError("Working outside of application context.")

    assert problem(Proxy()) == (
        "settings: cannot be read: RuntimeError: Working outside of application context. "
        "(pass the app or the settings object itself)"
    )


@pytest.mark.parametrize(
    "mapping",
    [{"STREAMFW": MINE}, {"STREAMFW": MINE, "DEBUG": True, "other": 1}, MINE],
    ids=["alone", "among others", "itself"],
)
def test_a_mapping_is_the_settings_or_has_them(mapping: dict[str, object]) -> None:
    assert is_mine(resolve(mapping, environ={}), "mapping")


def test_a_configuration_without_ours_means_the_defaults() -> None:
    assert resolve({"DEBUG": True, "SECRET_KEY": "x"}, environ={}) == resolve({}, environ={})
    assert resolve({"DEBUG": True, "STREAMFW": None}, environ={}) == resolve({}, environ={})


def test_a_module(module: Any) -> None:
    name = module(f"STREAMFW = {MINE!r}")
    __import__(name)
    assert is_mine(resolve(sys.modules[name], environ={}), f"module {name}")


def test_a_setting_that_is_nearly_ours_is_noted() -> None:
    settings = resolve(FakeFlask(STREAMFV=MINE, STREAM_API_KEY="x", STREAM_REDIS_CONFIGS={}), environ={})
    assert settings.notes == (
        "STREAMFV is not a setting that is known; did you mean STREAMFW?",
        "STREAM_REDIS_CONFIGS is not a setting that is known; did you mean STREAM_REDIS_CONFIG?",
    )


@pytest.mark.parametrize(
    "name", ["STREAMFW_STORAGES__DEFAULT", "STREAMFW_TASK_QUEUE", "STREAMFW_SETTINGS_MODULE", "streamfw_storages"]
)
def test_a_variable_that_looks_like_a_setting_is_noted(name: str) -> None:
    notes = resolve(environ={name: "redis://:swordfish@h"}).notes
    said = "is not read; settings are in a module, and STREAMFW_SETTINGS=module:attribute names it."
    assert notes == (f"the variable {name} {said}",)


@pytest.mark.parametrize(
    "name",
    [
        "STREAMFW_ONLY_PLUGINS",
        "STREAMFW_TRACEBACK",
        "STREAMFW_FEEDSTORE",
        "STORAGES",
        "STREAMFW_METRICS_SERVICE_HOST",
        "STREAMFW_METRICS_PORT_9102_TCP",
    ],
)
def test_other_variables_are_left_alone(name: str) -> None:
    assert resolve(environ={name: "x"}).notes == ()


def test_settings_of_the_wrong_type_inside_of_a_configuration() -> None:
    assert problem({"STREAMFW": ["x"]}).startswith("STREAMFW: must be a mapping, is a list")
