"""Nothing that was installed can execute what it reads: no pickle, no eval, no command that is put together as text."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import streamfw_redis

PACKAGE = Path(streamfw_redis.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(PACKAGE.rglob("*.lua"))

FORBIDDEN_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "subprocess", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen"}
COMMANDS = re.compile(
    r"\b(EVAL|EVALSHA|SET|GET|[HLRZ][A-Z]+|DEL|UNLINK|SCAN|FLUSHDB|FLUSHALL|SCRIPT|CONFIG|WAIT)\b [^ ]"
)
"""A command and its argument in one text, as one that was put together would be."""


def label(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_the_package_is_where_it_is_looked_for() -> None:
    assert {"storage.py", "timelines.py", "servers/cluster.py"} <= {label(path) for path in MODULES}
    assert {"lua/shared.lua", "lua/timeline_write.lua", "lua/group_write.lua"} <= {label(path) for path in SCRIPTS}


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_a_module_executes_no_data(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None) or ""}
            assert not names & FORBIDDEN_MODULES, f"line {node.lineno}"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in FORBIDDEN_CALLS or ast.unparse(node.func) == "re.compile", f"line {node.lineno}"
            assert called != "execute_command", f"line {node.lineno}: commands are packed part by part"


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_no_command_is_put_together_as_text(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values
            )  # what stands for a value is text too
            assert not COMMANDS.search(text) or "redis-cli" in text, f"line {node.lineno}: {text}"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            for side in (node.left, node.right):
                if isinstance(side, ast.Constant) and isinstance(side.value, bytes):
                    if side.value.startswith(b"*%d\r\n"):
                        # RESP: every part has its length before it. It is made in one place.
                        assert path.name == "scripts.py"
                        continue
                    found = COMMANDS.search(side.value.decode("latin-1").replace("\r\n", " "))
                    assert found is None, f"line {node.lineno}: {side.value!r}"


@pytest.mark.parametrize("path", SCRIPTS, ids=label)
def test_a_script_runs_only_itself(path: Path) -> None:
    code = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
    assert not re.search(r"\b(loadstring|load|dofile|setfenv|cmsgpack|cjson)\b", code)
    for called in re.findall(r"redis\.p?call\(\s*([^,)]+)", code):
        assert re.fullmatch(r"'[A-Z]+'|command|kind == '\w+' and '[A-Z]+' or '[A-Z]+'", called), called


@pytest.mark.parametrize("path", SCRIPTS, ids=label)
def test_scripts_never_delete_what_they_were_not_given(path: Path) -> None:
    assert not re.search(r"FLUSH|SCAN|KEYS'|SWAPDB", path.read_text(encoding="utf-8"))
