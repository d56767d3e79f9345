"""Nothing that was installed can execute what it reads: no pickle, no eval, and no statement that is put together of values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamfw_cassandra.options import NAME, Options
from streamfw_cassandra.tables import Tables
from streamfw_core.errors import StreamsError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import FeedSpec

import streamfw_cassandra

PACKAGE = Path(streamfw_cassandra.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

FORBIDDEN_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "subprocess", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen"}
STATEMENT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|BEGIN|CREATE|ALTER|DROP|TRUNCATE|GRANT|USE)\b [^ ]", re.ASCII)
MAKES_NAMES = {"tables.py", "schema.py"}
"""The only modules that put names into statements; no others put anything into any."""
NAMES = {
    "tables.py": {
        "self.path",
        "columns",
        "primary",
        "order",
        "gc_grace",
        "self.mark",
        "column",
        "self.columns[column]",
    },
    "schema.py": {
        "options.keyspace",
        "self._options.keyspace",
        "name",
        "_replication(replication)",
        # Of messages.
        "table.path",
        "self._gc_grace",
    },
}
"""What they put in: names that match a pattern, types of a list, and numbers."""


FILLED = {"tables.py": {"self.path", "own"}}
"""What is put in the place of `{table}` and of a table's own columns in constants."""


def label(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def statements(path: Path) -> Iterator[tuple[ast.expr, str]]:
    """Each text in a module that is a statement, with `{...}` where something is put in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    made = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in made for part in node.values}
    for node in made:
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{...}" for part in node.values)
        if STATEMENT.search(text):
            yield node, text
    for constant in ast.walk(tree):
        if not isinstance(constant, ast.Constant) or id(constant) in parts:
            continue
        if isinstance(constant.value, str) and STATEMENT.match(constant.value):
            yield constant, constant.value


def test_the_package_is_where_it_is_looked_for() -> None:
    assert {"storage.py", "statements.py", "tables.py", "schema.py"} <= {label(path) for path in MODULES}
    assert len([*statements(PACKAGE / "statements.py")]) > 10


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_a_module_executes_no_data(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None) or ""}
            assert not names & FORBIDDEN_MODULES, f"line {node.lineno}"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in FORBIDDEN_CALLS or ast.unparse(node.func) == "re.compile", f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_statements_are_constants_into_which_only_names_are_put(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for statement, text in statements(path):
        if isinstance(statement, ast.JoinedStr):
            assert path.name in MAKES_NAMES, f"line {statement.lineno}: {text}"
            put_in = {ast.unparse(part.value) for part in statement.values if isinstance(part, ast.FormattedValue)}
            if not text.startswith("table "):  # a message that quotes one
                assert put_in <= NAMES[path.name], f"line {statement.lineno}: {put_in - NAMES[path.name]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            for side in (node.left, node.right):
                found = isinstance(side, ast.Constant) and isinstance(side.value, str) and STATEMENT.search(side.value)
                assert not found, f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"format", "join"}:
            whole = node.func.value
            found = isinstance(whole, ast.Constant) and isinstance(whole.value, str) and STATEMENT.search(whole.value)
            assert not found, f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_constant_statements_have_no_values_in_them(path: Path) -> None:
    for node, text in statements(path):
        if isinstance(node, ast.Constant) and "{table}" in text:
            # `true` is what those cells hold that only their time tells of.
            bare = re.sub(r"= true\b", "", text)
            assert not re.search(r"'|[=<>(] ?\d|= ?[^? ]", bare.replace("<= ?", "").replace(">= ?", "")), text


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_everything_is_prepared_but_changes_of_the_schema(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    executed = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"execute", "execute_async"}
    ]
    for node in executed:
        # What is sent elsewhere is bound, or a batch of what is.
        assert ast.unparse(node.args[0]) in ({"cql"} if path.name == "schema.py" else {"statement"}), ast.unparse(node)
    if path.name not in {"schema.py", "running.py", "checks.py"}:
        assert not executed


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_nothing_is_dropped_and_only_tables_of_a_flushed_feed_are_emptied(path: Path) -> None:
    found = {text for _, text in statements(path) if re.match("DROP|TRUNCATE|ALTER", text)}
    allowed = {
        "schema.py": {"TRUNCATE {...}.{...}"},
        "tables.py": {"ALTER TABLE {...} ADD IF NOT EXISTS {...} {...}"},
    }
    assert found == allowed.get(path.name, set())


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_places_in_constants_are_filled_with_names_alone(path: Path) -> None:
    filled = [
        ast.unparse(node.args[1])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "replace"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and str(node.args[0].value).startswith("{")
    ]
    assert {*filled} <= FILLED.get(path.name, set())


HOSTILE = (
    "",
    "1",
    "a" * 300,
    "Robert'); DROP TABLE users; --",
    'a"b',
    "é",
    "😀",
    "a\0b",
    "_",
    "a__b",
    "select",
    "\n",
    "{}",
    "?",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_in_a_statement_is_a_plain_one_whatever_the_feed_is_called(name: str) -> None:
    table = Tables(Options()).timeline(FeedSpec(name, KeyFormat(f"{name}:%(user_id)s"), 10))
    assert NAME.fullmatch(table.name)
    assert re.fullmatch(r"streamfw 1 flat [0-9a-f]{64}", table.mark)
    others = {Tables(Options()).timeline(FeedSpec(each, KeyFormat(f"{each}:%(user_id)s"), 10)).name for each in HOSTILE}
    assert len(others) == len(HOSTILE)


@pytest.mark.parametrize("column", ['a"b', "A", "a b", "a;", "", "1a", "é", "id", "owner", "data", "x" * 49])
def test_a_column_that_is_no_plain_name_is_refused(column: str) -> None:
    with pytest.raises(StreamsError, match="column"):
        Tables(Options()).timeline(FeedSpec("users", KeyFormat("users:%(user_id)s"), 10, columns={column: "text"}))


@pytest.mark.parametrize(
    "type", ["text; DROP", "frozen<x>", "text) WITH comment = 'x", "list<list<text>>", "", "Text\n"]
)
def test_a_type_that_is_not_of_the_list_is_refused(type: str) -> None:
    with pytest.raises(StreamsError, match="type"):
        Tables(Options()).timeline(FeedSpec("users", KeyFormat("users:%(user_id)s"), 10, columns={"colour": type}))
