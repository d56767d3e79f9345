"""The command `streamfw` itself: help, version, exit codes, and errors without tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from streamfw_core.cli import demo as demo_module
from streamfw_core.cli.main import main

import streamfw_core


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streamfw_core", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environ})


def test_alone_it_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    for command in ("demo", "plugins", "queue", "replay", "settings", "worker"):
        assert f"\n  {command} " in out


@pytest.mark.parametrize("command", ["demo", "plugins", "queue", "replay", "settings", "worker"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"Usage: streamfw {command}" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"streamfw {streamfw_core.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dmeo"], "there is no command 'dmeo'; did you mean 'demo'?\n  See: streamfw --help"),
        (
            ["x"],
            (
                "there is no command 'x'; there are: demo, doctor, plugins, queue, replay, schema, settings, worker\n"
                "  See: streamfw --help"
            ),
        ),
        (["demo", "--poeple", "5"], None),
        (["demo", "--people", "2"], None),
        (["demo", "more"], "got unexpected extra argument (more)\n  See: streamfw demo --help"),
        (["replay"], "missing option '--graph'.\n  See: streamfw replay --help"),
    ],
)
def test_wrong_usage_exits_with_2(
    arguments: list[str], message: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    if message is not None:
        assert captured.err == f"error: {message}\n"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("[bold]nobody expects this[/bold]")

    monkeypatch.setattr(demo_module, "make_world", fail)
    monkeypatch.delenv("STREAMFW_TRACEBACK", raising=False)


@pytest.mark.usefixtures("failing")
def test_an_unexpected_error_is_short_and_says_how_to_learn_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 70
    assert capsys.readouterr().err == (
        "error: ZeroDivisionError: [bold]nobody expects this[/bold]\n  This error is not one that streamfw expects;"
        " `streamfw --traceback ...` (or STREAMFW_TRACEBACK=1) shows where it comes from.\n"
    )


@pytest.mark.usefixtures("failing")
def test_the_traceback_is_shown_where_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--traceback", "demo"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    monkeypatch.setenv("STREAMFW_TRACEBACK", "1")
    assert main(["demo"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_the_module_runs_as_the_script_does() -> None:
    done = run("demo", "--people", "2")
    assert done.returncode == 2
    assert done.stderr.startswith("error: invalid value for '--people'")
    assert "Traceback" not in done.stderr


def test_a_pipe_gets_no_colors() -> None:
    done = run("demo")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "streamfw_core", "demo", "--json", "--people", "500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        process.wait(60)
        assert process.stderr.read() == ""


def test_importing_core_imports_no_command_line_library() -> None:
    code = "import streamfw_core, sys; print({'click', 'rich', 'matplotlib', 'streamfw_core.cli'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_demo_and_the_replay_run_without_matplotlib() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from streamfw_core.cli.main import main\n"
        "import streamfw_core.cli.replay.command\n"
        "raise SystemExit(main(['demo']))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
