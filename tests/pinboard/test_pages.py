"""The pages of the pinboard hold: `cases.py` says what, and runs as `manage.py test` in a process of its own.

Django has one set of settings in a process, and in that of pytest it is that of tests/django.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.packaging.environments import ROOT
from tests.pinboard.serving import SECONDS


def test_cases_hold(tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PINBOARD", "STREAMFW"))
    }
    environment |= {"PINBOARD_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command: list[str | Path] = [
        sys.executable,
        "-W",
        "error",
        ROOT / "examples/pinboard/manage.py",
        "test",
        "tests.pinboard.cases",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=2 * SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    ran = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert ran is not None
    assert int(ran[1]) == (ROOT / "tests/pinboard/cases.py").read_text(encoding="utf-8").count("    def test_")
