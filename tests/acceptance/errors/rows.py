"""What a row of the table is."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """Something that people get wrong.

    :param name: what is wrong, in words.
    :param does: the code that does it; see `world.World.names` for what it can name.
    :param error: the type of the error, exactly.
    :param message: the text that they read, exactly.
    """

    name: str
    does: str
    error: type[Exception]
    message: str
