"""The page on the doctor has a word for each kind of finding, and the lines that it shows are such as the doctor prints."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

TEXT = (DOCS / "doctor.md").read_text(encoding="utf-8")
MAKERS = {"ok", "warning", "failure"}
LETTERS = 4
"""So many letters a message must have of its own to be known by them."""


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    """Those that make findings."""
    sources = [*ROOT.glob("streamfw_*/src"), *ROOT.glob("plugins/*/src")]
    files = [file for source in sources for file in source.rglob("*.py")]
    read = [(file, file.read_text(encoding="utf-8")) for file in files]
    return [
        (file, ast.parse(text)) for file, text in read if "doctor" in f"{file}{text}" and re.search(r"\bok\(", text)
    ]


def words() -> set[str]:
    """What of all findings that are made: the second argument, where it is a text or the name of one."""
    found: set[str] = set()
    for file, tree in modules():
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                if isinstance(call.func, ast.Name) and call.func.id in MAKERS and len(call.args) >= 3:
                    found |= {*_texts(call.args[1], function, file)}
    return found


def _texts(value: ast.expr, function: ast.FunctionDef, file: Path) -> Iterator[str]:
    if isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.Name):
        here = [
            node.value.elts[list(map(ast.unparse, node.targets[0].elts)).index(value.id)]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple)
            else node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and value.id in re.findall(r"\w+", ast.unparse(node.targets[0]))
        ]
        module = importlib.import_module(".".join(file.with_suffix("").parts).rpartition("src.")[2])
        if here:
            yield from (str(one.value) for one in here if isinstance(one, ast.Constant))
        elif hasattr(module, value.id):
            yield str(getattr(module, value.id))


def test_every_finding_has_a_word_that_is_on_the_page() -> None:
    table = TEXT.partition("| looked at | word | a failure | a warning |\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[2] for row in table.splitlines()[1:]]
    assert {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)} == words()


def _patterns() -> Iterator[str]:
    """What messages and hints look like: the texts of these modules, with anything where a value is put in."""
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else None for part in node.values]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = [node.value]
            else:
                continue
            if sum(len(re.findall(r"[a-z]", part or "")) for part in parts) >= LETTERS:
                yield "".join(".*" if part is None else re.escape(part) for part in parts)


def _is_said(text: str) -> bool:
    if re.fullmatch(r"\d+ \w+(, \d+ \w+)+", text):
        text = re.sub(r"\d+ (\w+?)s?\b", r"\1", text)
        return all(any(pattern == counted for pattern in _patterns()) for counted in text.split(", "))
    return any(re.match(pattern, text, re.DOTALL) for pattern in _patterns())


@pytest.mark.parametrize("block", re.findall(r"^```text\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
def test_the_lines_that_are_shown_are_lines_of_the_doctor(block: str) -> None:
    lines = re.sub(r"\n +-> ", " -> ", block).splitlines()
    assert len(lines) > 8
    for line in lines:
        finding = re.fullmatch(r"(ok|warning|failure) +(.+?)(?:, ([\w -]+))?: (.*?)(?: -> (.*))?", line)
        assert finding is not None, line
        level, where, what, message, hint = finding.groups()
        assert (what or where) in words(), line
        assert _is_said(message), f"nothing says {message!r}"
        assert (hint is None) == (level == "ok"), line
        assert hint is None or _is_said(hint), f"nothing says {hint!r}"
