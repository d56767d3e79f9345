"""The browser of the tests is there, or is told to be missing, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.services import fixtures
from tests.services.chromium import VARIABLE, find_chromium, launched
from tests.services.program import lives
from tests.services.waiting import wait_for


def test_people_share_nothing_and_an_event_loop_runs_where_a_browser_has_been() -> None:
    with launched(fixtures._found_chromium()) as browser:
        ada, grace = browser.new_context(base_url="http://a.test"), browser.new_context(base_url="http://a.test")
        for person in (ada, grace):
            person.route("**", lambda route: route.fulfill(body="<h1>here</h1>", content_type="text/html"))
        page, other = ada.new_page(), grace.new_page()
        page.goto("/")
        other.goto("/")
        page.evaluate("document.cookie = 'name=ada'")

        assert page.evaluate("document.cookie") == "name=ada"
        assert other.evaluate("document.cookie") == ""

    async def answer() -> int:
        return 42

    assert asyncio.run(answer()) == 42


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_browser_ends_with_the_process_that_started_it(how: signal.Signals) -> None:
    program = (
        "import psutil, time\n"
        "from pathlib import Path\n"
        "from tests.services.chromium import launched\n"
        f"with launched(Path({str(fixtures._found_chromium())!r})):\n"
        "    print(*(process.pid for process in psutil.Process().children(recursive=True)), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        processes = [psutil.Process(int(pid)) for pid in tests.stdout.readline().split()]
        assert len(processes) > 1
        tests.send_signal(how)

    wait_for(lambda: not any(map(lives, processes)), "nothing is left", within=15)


def test_a_browser_that_cannot_be_run_is_named_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/no/such/browser")

    with pytest.raises(FileNotFoundError, match=f"/no/such/browser.*{VARIABLE}"):
        find_chromium()


@pytest.mark.parametrize(
    ("variables", "outcome"), [({"CI": "true"}, pytest.fail.Exception), ({}, pytest.skip.Exception)]
)
def test_a_missing_browser_skips_its_tests_except_in_ci(
    variables: dict[str, str], outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
    for name, value in {**variables, "PATH": os.fspath(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(outcome, match=f"no Chromium here: install Debian's chromium.*{VARIABLE}"):
        fixtures._found_chromium()
