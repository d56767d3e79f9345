"""The page on Django holds: whoever follows it has a project that does what it says, and its table has every check."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from streamfw_django import checks

from tests.docs.django_walk import PAGE
from tests.docs.pages import ROOT

TEXT = PAGE.read_text(encoding="utf-8")


def test_who_follows_the_page_sees_what_it_says(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "STREAMFW"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.docs.django_walk"],
        check=False,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=290,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"[-6000:]
    plain = len(re.findall(r"^```python\n(?!# \w+/)", TEXT, re.MULTILINE))
    assert f"'examples': {plain}" in done.stdout


def test_its_table_has_every_check() -> None:
    assert checks.__doc__ is not None
    rows = re.findall(r"^\| `streamfw\.[EW]\d+` \|.*$", checks.__doc__, re.MULTILINE)
    assert rows == re.findall(r"^\| `streamfw\.[EW]\d+` \|.*$", TEXT, re.MULTILINE)
    said = {*re.findall(r'"([EW]00\d)"', Path(checks.__file__).read_text(encoding="utf-8"))}
    assert said == {*re.findall(r"`streamfw\.([EW]\d+)`", "".join(rows))}
