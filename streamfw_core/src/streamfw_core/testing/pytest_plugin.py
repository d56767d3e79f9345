"""What pytest loads by itself where streamfw-core is installed, so that no author needs a conftest.

It imports nothing of the kit: a project that only uses streamfw must not pay for it.
"""

from __future__ import annotations

import sys
from typing import cast

import pytest

MARKER = "promise(*names): the promises of streamfw, such as 'C3', that a test proves"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(obj: object) -> None:
    """Refuse a contract class that lost a test after it was made."""
    module = sys.modules.get("streamfw_core.testing.contract")
    # Not isinstance, which asks obj.__class__: lazy objects, such as Django's settings, compute that, and may raise.
    if module is not None and issubclass(type(obj), type):
        contract: type = module.Contract
        check_complete = getattr(obj, "check_complete", None)
        if check_complete is not None and issubclass(cast("type", obj), contract):
            check_complete()
