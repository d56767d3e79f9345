"""Dead letters as people and programs see them. What is in them may be anything, and shows no more than that."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import frozen
from rich.table import Column, Table
from rich.text import Text

from streamfw_core.cli.output import ago, printable
from streamfw_core.errors import MessageError
from streamfw_core.messages import Message, decode
from streamfw_core.queues import DeadLetter
from streamfw_core.settings.masking import mask_text

__all__ = ["Shown", "letter_table"]

LONGEST_REASON = 300


@frozen
class Shown:
    """A dead letter, and what can be told of its message.

    :param parsed: what the message is as JSON; None: it is none.
    """

    letter: DeadLetter
    message: Message | None
    parsed: Any

    @classmethod
    def of(cls, letter: DeadLetter) -> Shown:
        """A letter as it was found."""
        try:
            message = decode(letter.message)
        except MessageError:
            message = None
        return cls(letter, message, _parsed(letter.message))

    @property
    def reason(self) -> str:
        """Why it was given up, without secrets."""
        return _encodable(mask_text(self.letter.reason))

    def document(self) -> dict[str, object]:
        """For a list as JSON."""
        letter, message = self.letter, self.message
        return {
            "id": _encodable(letter.id),
            "died_at": letter.died_at.isoformat(),
            "priority": letter.priority.value,
            "attempts": letter.attempts,
            "kind": message and message.kind,
            "manager": message and message.manager,
            "feed": getattr(message, "feed", None),
            "correlation_id": message and message.correlation_id,
            "bytes": len(letter.message),
            "reason": self.reason,
        }

    def whole_document(self) -> dict[str, object]:
        """All of it, as JSON."""
        base = None if self.parsed is not None else base64.b64encode(self.letter.message).decode()
        return {**self.document(), "message": self.parsed, "base64": base}

    def lines(self) -> list[str]:
        """All of it, for people."""
        told = {name: value for name, value in self.document().items() if value not in {None, ""}}
        width = max(map(len, told))
        lines = [f"{name:<{width}}  {printable(str(value))}" for name, value in told.items()]
        if self.parsed is None:
            return [*lines, "", "This is no message:", repr(self.letter.message)]
        # Texts are in it as they are, but for what no terminal should be sent.
        text = json.dumps(self.parsed, indent=2, ensure_ascii=False)
        return [*lines, "", *(printable(line) for line in text.split("\n"))]


def letter_table(letters: Sequence[Shown]) -> Table:
    """A table of them; ids are whole, so that they can be copied."""
    id = Column("id", no_wrap=True, overflow="ignore")
    table = Table(id, "died", "priority", "attempts", "message", "reason", title="Dead letters", title_justify="left")
    now = datetime.now(UTC)
    for shown in letters:
        letter, message = shown.letter, shown.message
        about = [message.kind, message.manager, getattr(message, "feed", "")] if message is not None else ["no message"]
        reason = printable(" ".join(shown.reason.split()))
        cells = (
            printable(letter.id),
            ago(letter.died_at, now),
            letter.priority.value,
            str(letter.attempts),
            printable(" ".join(filter(None, about))),
            reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}...",
        )
        # Text of other people is never markup.
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    return table


def _encodable(text: str) -> str:
    """A text without halves of characters, which cannot be written."""
    return text.encode("utf-8", "backslashreplace").decode()


def _parsed(data: bytes) -> Any:
    try:
        parsed = json.loads(data)
        json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return parsed
