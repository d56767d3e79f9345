"""`python -m tests.acceptance.errors` prints the table of what people get wrong, and what they read then."""

from __future__ import annotations

from tests.acceptance.errors.table import markdown

print("\n".join(markdown()))
