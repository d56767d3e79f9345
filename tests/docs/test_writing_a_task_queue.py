"""The page builds the example in the repository, its examples run with workers of RQ, and what it says of RQ is so."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, run_examples
from tests.services.binaries import Binary
from tests.services.fixtures import Shared
from tests.services.redis import Server

EXAMPLE = ROOT / "examples/streamfw_example_queue"
PAGE = DOCS / "writing-a-task-queue.md"
TEXT = PAGE.read_text(encoding="utf-8")


def file_of_the_page(name: str) -> str:
    """What the blocks say together that begin with this file's name."""
    block = rf"^```\w+\n# {re.escape(name)}(?:, continued)?\n(.*?)^```"
    return "\n\n".join(re.findall(block, TEXT, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    "name",
    [
        "src/streamfw_example_queue/plugin.py",
        "src/streamfw_example_queue/queue.py",
        "tests/remote.py",
        "tests/test_conformance.py",
    ],
)
def test_the_page_shows_the_modules_of_the_example(name: str) -> None:
    assert file_of_the_page(name) == (EXAMPLE / name).read_text(encoding="utf-8")


def test_the_page_shows_the_metadata_that_makes_the_example_a_plugin() -> None:
    shown = tomllib.loads(file_of_the_page("pyproject.toml"))
    real = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))

    assert shown["build-system"] == real["build-system"]
    assert shown["tool"] == real["tool"]
    assert shown["project"].items() <= real["project"].items()


def test_the_example_has_less_than_a_hundred_lines_of_code() -> None:
    assert sum(map(lines_of_code, (EXAMPLE / "src").rglob("*.py"))) < 100


def lines_of_code(path: Path) -> int:
    """Those that are not blank, comments or docstrings."""
    beside = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = [*tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)]
    code: set[int] = set()
    previous = tokenize.NEWLINE
    for token in tokens:
        is_docstring = token.type == tokenize.STRING and previous in {tokenize.NEWLINE, tokenize.INDENT}
        if token.type not in beside and not is_docstring:
            code |= {*range(token.start[0], token.end[0] + 1)}
        if token.type not in {tokenize.COMMENT, tokenize.NL}:
            previous = token.type
    return len(code)


def test_examples_run(
    redis_binary: Binary, shared_services: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = shared_services.get(f"page {redis_binary.label}", lambda: Server(redis_binary))
    server.flush()
    (tmp_path / "love.py").write_text(file_of_the_page("love.py"), encoding="utf-8")
    for folder in (EXAMPLE / "src", tmp_path):
        monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "love", raising=False)
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setenv("STREAMFW_SETTINGS", "love:STREAMFW")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLE / "src"), str(tmp_path)]))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    worked: list[str] = []

    def console(command: str) -> str:
        if command.startswith("rq worker"):
            subprocess.run(["/bin/sh", "-c", command], check=True, cwd=tmp_path, timeout=60)
            worked.append(command)
        return ""

    assert run_examples(PAGE, console=console) > 8
    assert len(worked) == 2
