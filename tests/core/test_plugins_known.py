"""Core knows no backend outside of the one table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamfw_core.plugins import known
from streamfw_core.plugins.kinds import Kind

CORE = Path(known.__file__).parents[1]
WORDS = {"cassandra", "celery", "kombu", "rabbitmq", "redis", "statsd"}
# A word of everyday language too: it counts only as a value, and not as the key of a figure in a report.
DEFAULT = re.compile(r"memory\Z|memory://|streamfw[_-]memory")

SOURCES = sorted(path for path in CORE.rglob("*.py") if path != Path(known.__file__))


def words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)}


def docstrings(tree: ast.Module) -> set[int]:
    """The texts that stand as statements: docstrings of modules, classes, functions and attributes."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def keys(tree: ast.Module) -> set[int]:
    """The texts that are keys of a dict or of a look-up in one."""
    nodes = list(ast.walk(tree))
    found = {id(key) for node in nodes if isinstance(node, ast.Dict) for key in node.keys if key is not None}
    return found | {id(node.slice) for node in nodes if isinstance(node, ast.Subscript)}


def texts_and_names(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Line, text and whether it is a text that is a value, for all that is code."""
    described, looked_up = docstrings(tree), keys(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield line, node.value, id(node) not in looked_up
        for field in ("id", "attr", "name", "arg", "module", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield line, value, False


def named_backends(source: str) -> list[str]:
    found = []
    for line, text, value in texts_and_names(ast.parse(source)):
        found += [f"line {line}: {word} in {text!r}" for word in sorted(WORDS & words(text))]
        if value and DEFAULT.match(text):
            found.append(f"line {line}: the default storage in {text!r}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_no_module_of_core_names_a_backend(path: Path) -> None:
    assert named_backends(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import redis",
        "from streamfw_cassandra.storage import CassandraStorage",
        "backend = 'redis'",
        "def celery_queue(): ...",
        "url = f'redis://{host}'",
        "x.StatsdMetrics",
        "f(redis=1)",
        "STREAM_REDIS_CONFIG = 1",
        "storage = 'memory'",
        "import_module('streamfw_memory.storage')",
    ],
)
def test_the_search_finds_what_it_should(source: str) -> None:
    assert named_backends(source)


@pytest.mark.parametrize(
    "source",
    [
        "'''redis'''",
        "# redis\nx = 1",
        "peak_memory = 'peak memory'",
        "report = {'memory': 1}['memory']",
        "rediscover = 1",
        "def f():\n    '''celery'''",
    ],
)
def test_the_search_finds_nothing_else(source: str) -> None:
    assert not named_backends(source)


def test_the_table_is_consistent() -> None:
    names = [(backend.kind, backend.name) for backend in known.KNOWN]
    assert len(names) == len(set(names))
    schemes = [(b.kind, s) for b in known.KNOWN for s in (b.name, *b.schemes)]
    assert len(schemes) == len(set(schemes))
    assert known.known_backend(Kind.STORAGE, known.DEFAULT_STORAGE) is not None
    assert len(known.OLD_NAMES) == len(set(known.OLD_NAMES))


def test_install_commands() -> None:
    commands = {backend.name: backend.install for backend in known.KNOWN}
    assert commands["memory"] == "pip install streamfw"
    assert commands["redis"] == 'pip install "streamfw[redis]"'
    assert known.known_scheme(Kind.STORAGE, "rediss") == known.known_backend(Kind.STORAGE, "redis")
    assert known.known_scheme(Kind.METRICS, "rediss") is None
