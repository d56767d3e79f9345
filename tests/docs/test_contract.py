"""`docs/contract.md` names a test that exists for every promise that holds."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from attrs import frozen
from streamfw_core.testing import PROMISES

from tests.docs.pages import DOCS, ROOT

TESTS_OF_PROMISES = ["tests/core/test_promises.py", "tests/core/test_group_promises.py"]
KIT = "streamfw_core/src/streamfw_core/testing"

_TEST = re.compile(r"`([^`]+?\.py::[^`]+)`")


@frozen
class Row:
    """A line of one of the tables."""

    promise: str
    text: str
    status: str
    tests: tuple[str, ...]


def rows() -> dict[str, Row]:
    found: dict[str, Row] = {}
    for line in (DOCS / "contract.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| C"):
            continue
        promise, text, status, tests = (cell.strip() for cell in line.strip("|").split("|"))
        assert promise not in found, f"{promise} has two lines"
        found[promise] = Row(promise, text, status, tuple(_TEST.findall(tests)))
        assert _TEST.sub("", tests).strip() == "", f"{promise}: tests are `path::name`, found {tests}"
    return found


@cache
def named_tests(path: Path) -> dict[str, tuple[str, ...]]:
    """Every test of a file (`name` or `Class::name`) -> the promises that its decorator names."""
    found: dict[str, tuple[str, ...]] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            members = [member for member in node.body if isinstance(member, ast.FunctionDef)]
            found.update({f"{node.name}::{member.name}": _promises(member) for member in members})
        elif isinstance(node, ast.FunctionDef):
            found[node.name] = _promises(node)
    return {name: promises for name, promises in found.items() if name.rpartition("::")[2].startswith("test_")}


def _promises(test: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(
        argument.value
        for decorator in test.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "promise"
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )


def test_every_promise_has_a_line() -> None:
    assert list(rows()) == list(PROMISES)


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_holds_and_names_a_test(promise: str) -> None:
    row = rows()[promise]
    assert row.status == "holds"
    assert row.tests, f"docs/contract.md says that {promise} holds, and names no test of it"


@pytest.mark.parametrize("promise", PROMISES)
def test_every_test_that_is_named_exists_and_proves_the_promise(promise: str) -> None:
    for named in rows()[promise].tests:
        path, _, name = named.partition("::")
        assert (ROOT / path).is_file(), f"{promise} names {named}, and there is no such file"
        tests = named_tests(ROOT / path)
        assert name in tests, f"{promise} names {named}, and there is no such test"
        if path in TESTS_OF_PROMISES:
            assert promise in tests[name], f'{named} has no @promise("{promise}")'


def test_every_test_that_is_named_beside_the_tables_exists() -> None:
    for named in _TEST.findall((DOCS / "contract.md").read_text(encoding="utf-8")):
        path, _, name = named.partition("::")
        assert name in named_tests(ROOT / path), f"docs/contract.md names {named}, and there is no such test"


@pytest.mark.parametrize("path", TESTS_OF_PROMISES)
def test_no_test_of_a_promise_is_left_out_of_the_contract(path: str) -> None:
    listed = {(promise, test) for promise, row in rows().items() for test in row.tests}
    for name, promises in named_tests(ROOT / path).items():
        assert promises, f"{path}::{name} proves no promise: it belongs elsewhere"
        for promise in promises:
            assert (promise, f"{path}::{name}") in listed, (
                f"docs/contract.md does not list {path}::{name} for {promise}"
            )


def test_the_kit_holds_storages_to_the_promises_that_hold() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / KIT).rglob("*.py"))
    proved = set(re.findall(r'"(C\d+)"', "\n".join(re.findall(r"@promise\(([^)]*)\)", sources))))
    assert set(PROMISES) - proved <= {"C21"}  # C21 is about the publisher alone
