"""Sphinx, with pages in MyST. Docstrings are Markdown too, as far as they need to be."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from streamfw_core import __version__

project = "streamfw"
author = "streamfw contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib.towncrier.ext"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "streamfw"

myst_heading_anchors = 3

# The page of the changelog shows what the next release will say, out of changelog.d/.
towncrier_draft_autoversion_mode = "draft"
towncrier_draft_include_empty = True
towncrier_draft_working_directory = Path(__file__).parents[1]

default_role = "code"  # `x` in a docstring is code
autodoc_typehints = "none"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
toc_object_entries = False

# Types of others, which have their own documentation; whatever is ours must be found.
nitpick_ignore = [("py:class", "collections.abc.Callable"), ("py:class", "fastapi.params.Depends")]

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def _from_markdown(*arguments: Any) -> None:
    """Code blocks of a docstring as reStructuredText wants them; its lines are the last argument."""
    lines = arguments[-1]
    lines[:] = _BLOCK.sub(_code_block, "\n".join(lines)).split("\n")


def _code_block(match: re.Match[str]) -> str:
    indent, language, code = match.groups()
    body = textwrap.indent(textwrap.dedent(code), indent + "   ")
    return f"{indent}.. code-block:: {language}\n\n{body}"


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _from_markdown)
