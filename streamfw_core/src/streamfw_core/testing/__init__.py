"""The conformance kit: one pytest class per protocol, to be subclassed in ten lines.

```python
from streamfw_core.testing import StorageContract


class TestMyStorage(StorageContract):
    def make_storage(self, name):
        return MyStorage(name, {"url": "my://localhost"})
```

Needs the extra `[testing]` (pytest and hypothesis).
What is exported here is imported when it is first used: pytest loads this package wherever streamfw-core is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamfw_core.testing.contract import Contract, ContractViolated
    from streamfw_core.testing.feeds import FeedContract
    from streamfw_core.testing.grouped_feeds import AggregatedFeedContract, NotificationFeedContract
    from streamfw_core.testing.groups import GroupStorageContract
    from streamfw_core.testing.metrics import MetricsContract
    from streamfw_core.testing.promises import PROMISES, PromiseBroken, promise
    from streamfw_core.testing.queues import TaskQueueContract
    from streamfw_core.testing.runner import Result, run_contract
    from streamfw_core.testing.serializers import SerializerContract
    from streamfw_core.testing.storages import StorageContract

__all__ = [
    "PROMISES",
    "AggregatedFeedContract",
    "Contract",
    "ContractViolated",
    "FeedContract",
    "GroupStorageContract",
    "MetricsContract",
    "NotificationFeedContract",
    "PromiseBroken",
    "Result",
    "SerializerContract",
    "StorageContract",
    "TaskQueueContract",
    "promise",
    "run_contract",
]

_HOMES = {
    "contract": ("Contract", "ContractViolated"),
    "feeds": ("FeedContract",),
    "grouped_feeds": ("AggregatedFeedContract", "NotificationFeedContract"),
    "groups": ("GroupStorageContract",),
    "metrics": ("MetricsContract",),
    "promises": ("PROMISES", "PromiseBroken", "promise"),
    "queues": ("TaskQueueContract",),
    "runner": ("Result", "run_contract"),
    "serializers": ("SerializerContract",),
    "storages": ("StorageContract",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
