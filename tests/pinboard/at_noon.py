"""The application's `manage.py`, by a clock that stands: what is grouped by day is the same whenever it is made up."""

from __future__ import annotations

import runpy
import sys
from datetime import UTC, datetime
from pathlib import Path

from django.utils import timezone

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MANAGE = Path(__file__).resolve().parents[2] / "examples/pinboard/manage.py"

if __name__ == "__main__":
    timezone.now = lambda: NOON
    sys.path[0] = str(MANAGE.parent)
    runpy.run_path(str(MANAGE), run_name="__main__")
