"""Plugins are found, asked in the right order, and never break each other."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamfw_core.errors import (
    BackendBroken,
    BackendConflict,
    BackendNotFound,
    PluginBroken,
    SettingsError,
)
from streamfw_core.plugins import Kind, Plugins, PluginStatus, hookimpl

MakePlugin = Callable[..., EntryPoint]


@pytest.fixture
def make_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePlugin]:
    """Writes the module of a plugin and returns an entry point for it, as an installed distribution has."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def make(
        name: str, body: str, *, distribution: str | None = None, version: str = "1.0", module: str | None = None
    ) -> EntryPoint:
        module = module or f"plugin_{len(list(tmp_path.iterdir()))}_{name.replace('-', '_')}"
        source = "from streamfw_core.plugins import hookimpl\n" + textwrap.dedent(body)
        (tmp_path / f"{module}.py").write_text(source)
        entry = EntryPoint(name, module, "streamfw")
        # What importlib.metadata does when it reads an installed distribution.
        vars(entry)["dist"] = SimpleNamespace(name=distribution or f"streamfw-{name}", version=version)
        return entry

    yield make
    for module in set(sys.modules) - before:
        if module.startswith("plugin_"):
            del sys.modules[module]


def offers(*names: str, hook: str = "storages", target: str = "json:JSONDecoder", schemes: str = "()") -> str:
    calls = "\n".join(f'    register("{name}", "{target}", schemes={schemes})' for name in names)
    return f"@hookimpl\ndef streamfw_register_{hook}(register):\n{calls}\n"


def loaded(plugins: Plugins) -> set[str]:
    """Which plugins have been loaded so far, without loading the others."""
    return {plugin.name for plugin in plugins._found if plugin.status is PluginStatus.LOADED}


# --- lookups ------------------------------------------------------------------------------------------------


def test_core_offers_its_own_backends_without_any_plugin() -> None:
    plugins = Plugins(entry_points=[], environ={})
    names = {(backend.kind.value, backend.name) for backend in plugins.backends()}
    assert names == {
        ("serializer", "msgpack"),
        ("serializer", "json"),
        ("aggregator", "recent_verb"),
        ("aggregator", "notification"),
        ("metrics", "none"),
        ("task_queue", "inline"),
        ("task_queue", "threads"),
    }
    assert plugins.find(Kind.SERIALIZER, "json").target == "streamfw_core.serializers.json:JsonSerializer"
    assert plugins.find(Kind.TASK_QUEUE, "inline").plugin == "core"


def test_the_plugin_named_like_the_backend_is_asked_and_no_other(make_plugin: MakePlugin) -> None:
    plugins = Plugins(
        entry_points=[make_plugin("mydb", offers("mydb")), make_plugin("other", "raise RuntimeError")], environ={}
    )
    assert plugins.find(Kind.STORAGE, "mydb").distribution == "streamfw-mydb"
    assert loaded(plugins) == {"core", "mydb"}


def test_a_plugin_of_another_name_is_found_on_a_miss(make_plugin: MakePlugin) -> None:
    entries = [make_plugin("bundle", offers("mydb", "yourdb")), make_plugin("zzz", offers("zzz"))]
    plugins = Plugins(entry_points=entries, environ={})
    assert plugins.find(Kind.STORAGE, "yourdb").plugin == "bundle"


def test_a_builtin_name_loads_no_plugin(make_plugin: MakePlugin) -> None:
    plugins = Plugins(entry_points=[make_plugin("mydb", offers("mydb"))], environ={})
    plugins.find(Kind.TASK_QUEUE, "inline")
    assert loaded(plugins) == {"core"}


def test_schemes_find_the_backend(make_plugin: MakePlugin) -> None:
    entry = make_plugin("mydb", offers("mydb", schemes="('mydbs', 'mydb+tls')"))
    plugins = Plugins(entry_points=[entry], environ={})
    for scheme in ("mydb", "mydbs", "mydb+tls", "MYDB"):
        assert plugins.for_scheme(Kind.STORAGE, scheme).name == "mydb"
    assert plugins.find(Kind.STORAGE, "mydbs").name == "mydb"
    assert plugins.find(Kind.STORAGE, "mydb").schemes == ("mydbs", "mydb+tls")


def test_a_known_scheme_asks_the_plugin_of_its_distribution_first(make_plugin: MakePlugin) -> None:
    entries = [
        make_plugin("other", offers("other")),
        make_plugin("redis", offers("redis", schemes="('rediss',)")),
    ]
    plugins = Plugins(entry_points=entries, environ={})
    assert plugins.for_scheme(Kind.STORAGE, "rediss").name == "redis"
    assert loaded(plugins) == {"core", "redis"}


def test_the_target_is_imported_on_load_and_not_before(make_plugin: MakePlugin, tmp_path: Path) -> None:
    (tmp_path / "plugin_target.py").write_text("class Outer:\n    class Inner: pass\n")
    entry = make_plugin("mydb", offers("mydb", target="plugin_target:Outer.Inner"))
    plugins = Plugins(entry_points=[entry], environ={})
    plugins.backends()
    assert "plugin_target" not in sys.modules
    assert plugins.load(Kind.STORAGE, "mydb").__qualname__ == "Outer.Inner"


@pytest.mark.parametrize("path", ["json:JSONDecoder", "json.JSONDecoder", "json.decoder:JSONDecoder"])
def test_a_path_loads_the_users_own_class_without_any_plugin(path: str) -> None:
    plugins = Plugins(entry_points=[], environ={})
    assert plugins.load(Kind.STORAGE, path).__name__ == "JSONDecoder"
    assert plugins.find(Kind.STORAGE, path).plugin == "your own class"


# --- lookups that miss --------------------------------------------------------------------------------------


def miss(plugins: Plugins, kind: Kind, name: str) -> BackendNotFound:
    with pytest.raises(BackendNotFound) as caught:
        plugins.find(kind, name)
    assert (caught.value.kind, caught.value.name) == (kind.value, name)
    return caught.value


def test_a_typo_gets_the_nearest_name() -> None:
    error = miss(Plugins(entry_points=[], environ={}), Kind.TASK_QUEUE, "thread")
    assert error.suggestion == "threads"
    assert str(error) == (
        "No installed plugin offers a task queue backend named 'thread'.\n"
        "  Did you mean 'threads'?\n"
        "  Available: inline, threads.\n"
        "  `streamfw plugins` shows what is installed."
    )


def test_a_typo_of_a_known_backend_gets_the_install_command() -> None:
    error = miss(Plugins(entry_points=[], environ={}), Kind.STORAGE, "reddis")
    assert "Did you mean 'redis'? It is not installed: pip install \"streamfw[redis]\"" in str(error)


def test_a_known_backend_that_is_not_installed_gets_the_install_command() -> None:
    plugins = Plugins(entry_points=[], environ={})
    error = miss(plugins, Kind.STORAGE, "cassandra")
    assert error.install == 'pip install "streamfw[cassandra]"'
    assert 'Install it: pip install "streamfw[cassandra]"' in str(error)
    with pytest.raises(BackendNotFound, match=r"URLs that start with 'rediss://'.*\n.*streamfw\[redis\]"):
        plugins.for_scheme(Kind.STORAGE, "rediss")


def test_a_name_of_another_kind_is_pointed_out() -> None:
    error = miss(Plugins(entry_points=[], environ={}), Kind.STORAGE, "msgpack")
    assert "'msgpack' is the name of a serializer backend." in str(error)


# --- broken plugins -----------------------------------------------------------------------------------------

BROKEN = {
    "import": ("raise ImportError('no module named mydriver')", "ImportError: no module named mydriver"),
    "syntax": ("def", "SyntaxError: "),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "raises": (
        "@hookimpl\ndef streamfw_register_storages(register):\n    raise ValueError('oh')",
        "ValueError: oh",
    ),
    "signature": (
        "@hookimpl\ndef streamfw_register_storages(registry):\n    pass",
        "PluginValidationError: ",
    ),
    "unknown hook": (
        "@hookimpl\ndef streamfw_register_storage(register):\n    pass",
        "there is no hook named 'streamfw_register_storage'; did you mean 'streamfw_register_storages'?",
    ),
    "no hooks": ("def streamfw_register_storages(register): ...", "is @hookimpl missing"),
    "bad name": (offers("My DB"), "registered the backend name 'My DB'"),
    "path as name": (offers("my.db"), "registered the backend name 'my.db'"),
    "bad target": (offers("mydb", target="no colon"), "a target is 'module:Class'"),
    "bad scheme": (offers("mydb", schemes="('my://',)"), "the URL scheme 'my://'"),
    "scheme as text": (offers("mydb", schemes="'mydbs'"), "give a tuple"),
    "twice": (offers("mydb", "mydb"), "registered the storage backend 'mydb' twice"),
    "two for a scheme": (offers("mydb", "yourdb", schemes="('dbs',)"), "the URL scheme 'dbs' for two"),
}


@pytest.mark.parametrize(("body", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_recorded_and_breaks_nothing_else(make_plugin: MakePlugin, body: str, reason: str) -> None:
    plugins = Plugins(entry_points=[make_plugin("aaa", body), make_plugin("good", offers("goodstore"))], environ={})
    assert plugins.find(Kind.STORAGE, "goodstore").plugin == "good"
    infos = {info.name: info for info in plugins.plugins()}
    assert infos["good"].status is PluginStatus.LOADED
    assert infos["aaa"].status is PluginStatus.BROKEN
    assert reason in infos["aaa"].reason
    assert infos["aaa"].backends == ()
    assert [backend.name for backend in plugins.backends(Kind.STORAGE)] == ["goodstore"]


def test_what_a_plugin_offered_before_it_broke_is_taken_back(make_plugin: MakePlugin) -> None:
    body = """
        @hookimpl
        def streamfw_register_serializers(register):
            register("fine", "json:JSONDecoder")

        @hookimpl
        def streamfw_register_storages(register):
            register("mydb", "nothing")

        @hookimpl
        def streamfw_activity_published(activities):
            raise AssertionError("a broken plugin is not called")
    """
    plugins = Plugins(entry_points=[make_plugin("mydb", body)], environ={})
    miss(plugins, Kind.SERIALIZER, "fine")
    assert not plugins.has_hook("streamfw_activity_published")
    plugins.hook.streamfw_activity_published(streams=None, manager=None, activities=[])


def test_the_failure_of_the_likely_plugin_is_quoted_on_a_miss(make_plugin: MakePlugin) -> None:
    entries = [make_plugin("redis", "import streamfw_no_such_module", version="2.3")]
    error = miss(Plugins(entry_points=entries, environ={}), Kind.STORAGE, "redis")
    assert (
        "Plugin 'redis' of streamfw-redis 2.3 is broken: "
        "ModuleNotFoundError: No module named 'streamfw_no_such_module'" in str(error)
    )
    # It is installed; installing it again would not help.
    assert "pip install" not in str(error)
    assert error.install is None


def test_the_failure_of_any_plugin_is_quoted_on_a_miss(make_plugin: MakePlugin) -> None:
    entries = [make_plugin("bundle", "raise RuntimeError('first line\\nsecond')")]
    error = miss(Plugins(entry_points=entries, environ={}), Kind.STORAGE, "mydb")
    assert "Plugin 'bundle' of streamfw-bundle 1.0 is broken: RuntimeError: first line second" in str(error)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("streamfw_no_such_module:Class", "ModuleNotFoundError: No module named 'streamfw_no_such_module'"),
        ("json:JSONDecodr", "json has no 'JSONDecodr'; did you mean 'JSONDecoder'?"),
        ("json:__name__", "it is a str, which cannot be called"),
    ],
)
def test_a_target_that_cannot_be_loaded_is_a_broken_backend(make_plugin: MakePlugin, target: str, reason: str) -> None:
    plugins = Plugins(entry_points=[make_plugin("mydb", offers("mydb", target=target))], environ={})
    with pytest.raises(BackendBroken) as caught:
        plugins.load(Kind.STORAGE, "mydb")
    assert caught.value.reason == reason
    assert (caught.value.kind, caught.value.name, caught.value.plugin) == ("storage", "mydb", "mydb")
    assert "of plugin 'mydb' of streamfw-mydb 1.0" in str(caught.value)


@pytest.mark.parametrize("path", ["no such:Class", "json.", ":Class", "json:"])
def test_a_malformed_path_of_an_own_class_is_a_broken_backend(path: str) -> None:
    with pytest.raises(BackendBroken, match="not of the form 'module:Class'"):
        Plugins(entry_points=[], environ={}).load(Kind.METRICS, path)


# --- conflicts ----------------------------------------------------------------------------------------------


def test_two_providers_of_one_name_are_refused_with_both_named(make_plugin: MakePlugin) -> None:
    entries = [
        make_plugin("aaa", offers("mydb"), version="1.1"),
        make_plugin("bbb", offers("mydb"), version="2.2"),
    ]
    plugins = Plugins(entry_points=entries, environ={})
    with pytest.raises(BackendConflict) as caught:
        plugins.find(Kind.STORAGE, "mydb")
    assert caught.value.providers == (
        "plugin 'aaa' of streamfw-aaa 1.1",
        "plugin 'bbb' of streamfw-bbb 2.2",
    )
    assert "STREAMFW_DISABLE_PLUGINS=streamfw-bbb" in str(caught.value)
    assert len(plugins.backends(Kind.STORAGE)) == 2
    narrowed = Plugins(entry_points=entries, environ={"STREAMFW_DISABLE_PLUGINS": "streamfw-bbb"})
    assert narrowed.find(Kind.STORAGE, "mydb").plugin == "aaa"


def test_two_distributions_with_one_plugin_name_are_a_conflict(make_plugin: MakePlugin) -> None:
    entries = [
        make_plugin("mydb", offers("mydb"), distribution="one"),
        make_plugin("mydb", offers("mydb"), distribution="two"),
    ]
    with pytest.raises(BackendConflict, match=r"of one 1\.0"):
        Plugins(entry_points=entries, environ={}).find(Kind.STORAGE, "mydb")


def test_a_builtin_name_cannot_be_taken_over(make_plugin: MakePlugin) -> None:
    plugins = Plugins(entry_points=[make_plugin("json", offers("json", hook="serializers"))], environ={})
    with pytest.raises(BackendConflict) as caught:
        plugins.find(Kind.SERIALIZER, "json")
    assert caught.value.providers[0].startswith("plugin 'core' of streamfw-core ")
    assert caught.value.providers[1] == "plugin 'json' of streamfw-json 1.0"


def test_two_providers_of_one_scheme_are_refused(make_plugin: MakePlugin) -> None:
    entries = [make_plugin(name, offers(name, schemes="('dbs',)")) for name in ("one", "two")]
    plugins = Plugins(entry_points=entries, environ={})
    with pytest.raises(BackendConflict, match="2 plugins offer the URL scheme 'dbs'"):
        plugins.for_scheme(Kind.STORAGE, "dbs")
    assert plugins.find(Kind.STORAGE, "two").name == "two"


def test_one_name_for_two_kinds_is_no_conflict(make_plugin: MakePlugin) -> None:
    body = offers("mydb") + offers("mydb", hook="task_queues")
    plugins = Plugins(entry_points=[make_plugin("mydb", body)], environ={})
    assert plugins.find(Kind.STORAGE, "mydb").kind is Kind.STORAGE
    assert plugins.find(Kind.TASK_QUEUE, "mydb").kind is Kind.TASK_QUEUE


# --- narrowing by environment -------------------------------------------------------------------------------


def test_a_disabled_plugin_is_not_imported_and_named_on_a_miss(make_plugin: MakePlugin) -> None:
    entry = make_plugin("redis", "raise AssertionError('imported')")
    plugins = Plugins(entry_points=[entry], environ={"STREAMFW_DISABLE_PLUGINS": " redis ,x"})
    error = miss(plugins, Kind.STORAGE, "redis")
    assert "Plugin 'redis' of streamfw-redis 1.0 is installed, but disabled: STREAMFW_DISABLE_PLUGINS names it." in str(
        error
    )
    (info,) = [info for info in plugins.plugins() if info.name == "redis"]
    assert info.status is PluginStatus.DISABLED


def test_only_lets_in_what_it_names_and_core(make_plugin: MakePlugin) -> None:
    entries = [make_plugin("mydb", offers("mydb")), make_plugin("bundle", offers("yourdb"))]
    plugins = Plugins(entry_points=entries, environ={"STREAMFW_ONLY_PLUGINS": "mydb"})
    assert plugins.find(Kind.STORAGE, "mydb").plugin == "mydb"
    assert plugins.find(Kind.TASK_QUEUE, "inline").plugin == "core"
    assert "Disabled and not asked: bundle (STREAMFW_ONLY_PLUGINS does not name it)." in str(
        miss(plugins, Kind.STORAGE, "yourdb")
    )


def test_strict_refuses_a_broken_plugin_at_the_first_question(make_plugin: MakePlugin) -> None:
    entries = [make_plugin("aaa", "raise RuntimeError('oh')", version="3"), make_plugin("mydb", offers("mydb"))]
    plugins = Plugins(entry_points=entries, environ={"STREAMFW_STRICT_PLUGINS": "1"})
    for _ in range(2):
        with pytest.raises(PluginBroken) as caught:
            plugins.find(Kind.STORAGE, "mydb")
    assert (caught.value.plugin, caught.value.distribution) == ("aaa", "streamfw-aaa")
    assert caught.value.reason == "RuntimeError: oh"
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(PluginBroken):
        _ = plugins.hook
    # What lists plugins must be able to list this one.
    assert [info.name for info in plugins.plugins() if info.status is PluginStatus.BROKEN] == ["aaa"]


def test_strict_refuses_a_conflict_at_the_first_question(make_plugin: MakePlugin) -> None:
    entries = [make_plugin(name, offers("mydb")) for name in ("aaa", "bbb")]
    plugins = Plugins(entry_points=entries, environ={"STREAMFW_STRICT_PLUGINS": "yes"})
    with pytest.raises(BackendConflict, match="'mydb'"):
        plugins.find(Kind.TASK_QUEUE, "inline")


@pytest.mark.parametrize("value", ["", "0", "no", "false", "off"])
def test_strict_can_be_off(make_plugin: MakePlugin, value: str) -> None:
    entries = [make_plugin("aaa", "raise RuntimeError"), make_plugin("mydb", offers("mydb"))]
    plugins = Plugins(entry_points=entries, environ={"STREAMFW_STRICT_PLUGINS": value})
    assert plugins.find(Kind.STORAGE, "mydb").plugin == "mydb"


def test_a_strict_switch_that_is_neither_on_nor_off_is_a_problem() -> None:
    with pytest.raises(SettingsError, match="STREAMFW_STRICT_PLUGINS: this must be 1 or 0, is 'maybe'"):
        Plugins(entry_points=[], environ={"STREAMFW_STRICT_PLUGINS": "maybe"})


# --- hooks of what happens ----------------------------------------------------------------------------------


def test_lifecycle_hooks_reach_every_plugin_with_the_arguments_it_takes(make_plugin: MakePlugin) -> None:
    body = """
        SEEN = []

        @hookimpl
        def streamfw_feeds_updated(owners, operation):
            SEEN.append((owners, operation))
    """
    entries = [make_plugin("one", body, module="plugin_seen_one"), make_plugin("two", offers("mydb"))]
    plugins = Plugins(entry_points=entries, environ={})
    assert plugins.has_hook("streamfw_feeds_updated")
    assert not plugins.has_hook("streamfw_activity_removed")
    plugins.hook.streamfw_feeds_updated(streams=None, feed=None, owners=["13"], operation="add")
    assert sys.modules["plugin_seen_one"].SEEN == [(["13"], "add")]
    assert {info.name: info.hooks for info in plugins.plugins()}["one"] == ("streamfw_feeds_updated",)


def test_asking_for_a_hook_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(AttributeError, match="did you mean 'streamfw_feeds_updated'"):
        Plugins(entry_points=[], environ={}).has_hook("streamfw_feed_updated")


def test_a_program_can_register_its_own_hooks() -> None:
    class Audit:
        def __init__(self) -> None:
            self.removed: list[object] = []

        @hookimpl
        def streamfw_activity_removed(self, activities: list[object]) -> None:
            self.removed += activities

        @hookimpl
        def streamfw_register_metrics(self, register: Callable[..., None]) -> None:
            register("audit", "json:JSONDecoder")

    plugins, audit = Plugins(entry_points=[], environ={}), Audit()
    assert plugins.hook is not None
    assert plugins.register(audit, name="audit").status is PluginStatus.LOADED
    assert plugins.has_hook("streamfw_activity_removed")
    plugins.hook.streamfw_activity_removed(streams=None, manager=None, activities=[1])
    assert audit.removed == [1]
    assert plugins.find(Kind.METRICS, "audit").provider == "plugin 'audit' of this program"
    with pytest.raises(PluginBroken, match="already loaded"):
        plugins.register(audit, name="again")


# --- threads, reentrance, discovery -------------------------------------------------------------------------


def test_many_threads_load_each_plugin_once(make_plugin: MakePlugin) -> None:
    body = "import time, builtins\nbuiltins.plugin_loads = getattr(builtins, 'plugin_loads', 0) + 1\ntime.sleep(.05)\n"
    entries = [make_plugin("slow", body + offers("mydb"))]
    plugins = Plugins(entry_points=entries, environ={})
    found: list[str] = []
    barrier = threading.Barrier(16)

    def ask() -> None:
        barrier.wait()
        found.append(plugins.find(Kind.STORAGE, "mydb").plugin)
        plugins.plugins()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    import builtins

    assert found == ["slow"] * 16
    assert vars(builtins).pop("plugin_loads") == 1


def test_a_plugin_may_ask_for_a_backend_while_it_is_imported(make_plugin: MakePlugin) -> None:
    import builtins

    body = """
        import builtins
        from streamfw_core.plugins import Kind
        assert builtins.plugins_under_test.find(Kind.STORAGE, "mydb").plugin == "mydb"
    """
    entries = [make_plugin("aaa", textwrap.dedent(body) + offers("adb")), make_plugin("mydb", offers("mydb"))]
    plugins = Plugins(entry_points=entries, environ={})
    vars(builtins)["plugins_under_test"] = plugins
    try:
        assert plugins.find(Kind.STORAGE, "adb").plugin == "aaa"
    finally:
        del vars(builtins)["plugins_under_test"]
    assert {backend.name for backend in plugins.backends(Kind.STORAGE)} == {"adb", "mydb"}


def install(folder: Path, distribution: str, entry_points: str) -> None:
    info = folder / f"{distribution.replace('-', '_')}-4.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 4.2\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))


def test_installed_distributions_are_found_and_an_unreadable_one_hides_nobody(
    make_plugin: MakePlugin, tmp_path: Path
) -> None:
    make_plugin("mydb", offers("mydb"), module="plugin_installed")
    install(tmp_path, "installed-db", "[streamfw]\nmydb = plugin_installed\n")
    assert Plugins(environ={}).find(Kind.STORAGE, "mydb").provider == "plugin 'mydb' of installed-db 4.2"
    install(tmp_path, "unreadable-db", "[streamfw]\nthis line has no equals sign\n")
    install(tmp_path, "unreadable-other", "[console_scripts]\nneither has this\n")
    plugins = Plugins(environ={})
    assert plugins.find(Kind.STORAGE, "mydb").distribution == "installed-db"
    broken = [info for info in plugins.plugins() if info.status is PluginStatus.BROKEN]
    assert [info.distribution for info in broken] == ["unreadable-db"]
    assert "entry_points.txt cannot be read" in broken[0].reason


def test_a_plugin_listed_twice_is_one_plugin(make_plugin: MakePlugin) -> None:
    entry = make_plugin("mydb", offers("mydb"))
    plugins = Plugins(entry_points=[entry, entry], environ={})
    assert plugins.find(Kind.STORAGE, "mydb").plugin == "mydb"
    assert [info.name for info in plugins.plugins()] == ["core", "mydb"]


def test_two_names_for_one_module_say_so(make_plugin: MakePlugin) -> None:
    first = make_plugin("aaa", offers("mydb"))
    second = EntryPoint("bbb", first.value, "streamfw")
    plugins = Plugins(entry_points=[first, second], environ={})
    infos = {info.name: info for info in plugins.plugins()}
    assert infos["bbb"].reason == "its module is already loaded as plugin 'aaa' of streamfw-aaa 1.0"
    assert infos["bbb"].distribution == "an unknown distribution"


def test_importing_the_package_imports_no_pluggy() -> None:
    code = "import sys, streamfw_core.plugins, streamfw_core.plugins.known; print('pluggy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
