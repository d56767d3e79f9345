"""Settings: one resolver, one typed result, wherever they come from.

```python
from streamfw_core.settings import resolve

settings = resolve({"storages": {"hot": "mydb://localhost/0"}, "feeds": {"user": {"timeline": "hot"}}})
settings.feeds["user"].timeline  # -> 'hot'
```
"""

from __future__ import annotations

from streamfw_core.settings.model import (
    UNSET,
    FeedSettings,
    MetricsSettings,
    QueueSettings,
    Settings,
    StorageSettings,
    Unset,
)
from streamfw_core.settings.options import structure_options
from streamfw_core.settings.resolver import resolve
from streamfw_core.settings.url_query import options_in_query

__all__ = [
    "UNSET",
    "FeedSettings",
    "MetricsSettings",
    "QueueSettings",
    "Settings",
    "StorageSettings",
    "Unset",
    "options_in_query",
    "resolve",
    "structure_options",
]
