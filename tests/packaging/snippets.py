"""Code in texts: in Markdown between fences, in plain text wherever a paragraph is Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

_FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLANK = re.compile(r"\n\s*\n")


def fenced(markdown: str) -> list[str]:
    """The blocks of Python in a page."""
    return [match[1] for match in _FENCED.finditer(markdown)]


def between(text: str, first: str, last: str) -> str:
    """What stands after one line and before the next that is another.

    :raises ValueError: there is no such line.
    """
    lines = text.splitlines()
    begin = lines.index(first) + 1
    return "\n".join(lines[begin : lines.index(last, begin)])


def plain(text: str) -> list[str]:
    """The blocks of Python in a text without markup; what is indented belongs to what it follows."""
    paragraphs: list[str] = []
    for paragraph in _BLANK.split(text.strip("\n")):
        if paragraphs and paragraph[:1].isspace():
            paragraphs[-1] += f"\n\n{paragraph}"
        else:
            paragraphs.append(paragraph)
    return [paragraph for paragraph in paragraphs if _is_code(paragraph)]


def with_imports(code: str, replacements: Mapping[str, str], *, package: str) -> str:
    """The same code, in which lines that import from a package are others.

    :raises KeyError: there is no replacement for such a line.
    """
    foreign = re.compile(rf"^(\s*)((?:from|import) {package}\b.*)$", re.MULTILINE)
    return foreign.sub(lambda line: line[1] + replacements[line[2].strip()], code)


def definitions_and_calls(blocks: Sequence[str]) -> tuple[list[str], list[str]]:
    """The blocks that only define something, as a module does, and those that do something."""
    calls = [block for block in blocks if any(isinstance(node, ast.Expr) for node in ast.parse(block).body)]
    return [block for block in blocks if block not in calls], calls


def _is_code(paragraph: str) -> bool:
    """Whether it is Python, and more than a word or a tuple of words, which prose may be too."""
    try:
        body = ast.parse(paragraph).body
    except SyntaxError:
        return False
    return any(not isinstance(node, ast.Expr) or _calls(node) for node in body)


def _calls(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call) for part in ast.walk(node))
