"""The examples in docstrings run; those of Django run where Django is set up, in tests/django."""

from __future__ import annotations

import pytest

from streamfw_core import Streams
from tests.docs.blocks import Block, blocks_of_docstrings
from tests.docs.docstrings import assumed, run

EXAMPLES = [block for block in blocks_of_docstrings() if block.language == "python" and not block.marker]


@pytest.mark.parametrize(
    "block", [block for block in EXAMPLES if not block.where.startswith("streamfw_django")], ids=str
)
def test_examples_run(block: Block) -> None:
    with Streams() as streams:
        run(block, assumed(streams))


def test_a_wrong_value_is_noticed() -> None:
    with pytest.raises(AssertionError, match="says 3, and it is 2"):
        run(Block("streamfw_core", 1, "python", "x = 2\nx  # -> 3\n"), {})
    with pytest.raises(NameError):
        run(Block("streamfw_core", 1, "python", "nobody_knows_this\n"), {})
