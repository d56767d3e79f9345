"""The command ``streamfw``, also as ``python -m streamfw_core``.

The commands need the extra ``[cli]``, which an installation of core alone does not have.
This module therefore imports nothing but the standard library until it knows that they are there.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_CLI_LIBRARIES = ("click", "rich")

_MISSING = """\
streamfw: the command line needs {missing}, which {verb} not installed for {executable}.
Install the command line with:

    python -m pip install "streamfw-core[cli]"
"""


def main() -> int | None:
    """Run the command line, or say how to install it; the result is the exit code."""
    missing = [name for name in _CLI_LIBRARIES if find_spec(name) is None]
    if missing:
        message = _MISSING.format(
            missing=" and ".join(missing),
            verb="is" if len(missing) == 1 else "are",
            executable=sys.executable,
        )
        print(message, end="", file=sys.stderr)
        return 2
    from streamfw_core.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
