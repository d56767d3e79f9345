"""Plugins: what they can do (`hookspecs`) and how they are found (`Plugins`).

The module of a plugin needs one name of this package:

```python
from streamfw_core.plugins import hookimpl
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamfw_core.plugins.hookspecs import Register, hookimpl
    from streamfw_core.plugins.kinds import Backend, Kind, PluginInfo, PluginStatus
    from streamfw_core.plugins.loader import Plugins

__all__ = ["Backend", "Kind", "PluginInfo", "PluginStatus", "Plugins", "Register", "hookimpl"]

# Lazy, because the settings need the table of known backends and not pluggy.
_HOMES = {
    "Backend": "kinds",
    "Kind": "kinds",
    "PluginInfo": "kinds",
    "PluginStatus": "kinds",
    "Plugins": "loader",
    "Register": "hookspecs",
    "hookimpl": "hookspecs",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
