"""The table of contents is complete: every hook is typed, documented, and has an example that works."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from types import ModuleType

import pytest
from streamfw_core.plugins import Kind, Plugins, PluginStatus, hookspecs

HOOKS = [name for name in vars(hookspecs) if name.startswith("streamfw_")]


def examples(name: str) -> str:
    text = inspect.getdoc(getattr(hookspecs, name)) or ""
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return textwrap.dedent(example)


def test_every_hook_is_exported_and_every_kind_has_one() -> None:
    assert {name for name in hookspecs.__all__ if name.startswith("streamfw_")} == set(HOOKS)
    assert [kind.hook for kind in Kind] == HOOKS[: len(Kind)]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_typed_and_documents_each_of_its_arguments(name: str) -> None:
    function = getattr(hookspecs, name)
    signature = inspect.signature(function)
    assert signature.return_annotation == "None"
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty
        assert f":param {parameter.name}:" in function.__doc__
    assert ".. versionadded::" in function.__doc__


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_a_hook_is_a_plugin_that_loads(name: str) -> None:
    source = examples(name)
    ast.parse(source)
    # The first file of an example is the hook module; what it names is in the second.
    hook_module = re.split(r"\n# streamfw_\w+/(?!plugin)\w+\.py\n", source)[0]
    module = ModuleType(f"example_{name}")
    exec(compile(hook_module, name, "exec"), vars(module))
    plugins = Plugins(entry_points=[], environ={})
    info = plugins.register(module, name="example")
    assert info.status is PluginStatus.LOADED
    assert info.hooks == (name,)
    if name.startswith("streamfw_register_"):
        (backend,) = info.backends
        module_name, _, class_name = backend.target.partition(":")
        assert f"# {module_name.replace('.', '/')}.py\n" in source
        assert f"class {class_name}" in source
