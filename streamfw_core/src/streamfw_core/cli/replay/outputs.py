"""The files that a replay writes: checked before the run begins, written whole at its end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import click

__all__ = ["check_output", "check_plot", "write_files"]

_PLOT_FORMATS = (".pdf", ".png", ".svg")


def check_output(path: Path, option: str, others: Sequence[Path] = ()) -> None:
    """Refuse a file that could not be written at the end of the run.

    :param others: files that it must not be.
    :raises click.BadParameter: its folder does not exist or cannot be written to, or it is a folder itself.
    """
    if path.resolve() in {other.resolve() for other in others}:
        _refuse(option, f"{path} is named by another option too: it would be overwritten")
    folder = path.parent
    if path.is_dir():
        _refuse(option, f"{path} is a folder: name a file in it")
    if not folder.is_dir():
        _refuse(option, f"the folder {str(folder)!r} does not exist: make it first")
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        _refuse(option, f"{path} cannot be written: permission denied")


def check_plot(path: Path, others: Sequence[Path] = ()) -> None:
    """Refuse a plot that could not be drawn at the end of the run.

    :raises click.BadParameter: see `check_output`; or the name ends in no format that there is.
    :raises click.ClickException: matplotlib is not installed.
    """
    if path.suffix.lower() not in _PLOT_FORMATS:
        _refuse("--plot", f"{str(path)!r} must end in one of {', '.join(_PLOT_FORMATS)}")
    check_output(path, "--plot", others)
    if find_spec("matplotlib") is None:
        raise click.ClickException(
            '--plot needs matplotlib, which is not installed. Install it with: python -m pip install "streamfw-core[plot]"'
        )


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each of which is there as a whole or, if anything fails, as it was before."""
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            written[path] = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            # mkstemp makes it private; a file of results is as others are.
            written[path].chmod(0o666 & ~_umask())
        for path, temporary in written.items():
            temporary.replace(path)
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _refuse(option: str, message: str) -> None:
    raise click.BadParameter(message, param_hint=f"'{option}'")
