"""Examining a running set-up: what `streamfw doctor` prints, for programs.

```python
from streamfw_core.doctor import Level, diagnose

[finding for finding in diagnose() if finding.level is Level.FAILURE]
```

A storage or a task queue takes part with a method `examine`; see `Examined`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamfw_core.doctor.findings import Examined, Finding, Level, Now, compare_clocks, failure, ok, warning

if TYPE_CHECKING:
    from streamfw_core.doctor.diagnosis import diagnose

__all__ = ["Examined", "Finding", "Level", "Now", "compare_clocks", "diagnose", "failure", "ok", "warning"]


def __getattr__(name: str) -> object:
    # Storages need the findings alone.
    if name != "diagnose":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from streamfw_core.doctor.diagnosis import diagnose

    return diagnose
