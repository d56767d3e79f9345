"""What a storage is: the protocol that backends implement, and a base to start one from."""

from streamfw_core.storage.protocol import (
    Capabilities,
    Change,
    CopyStorage,
    Entry,
    FeedSpec,
    Outcome,
    Page,
    Query,
    Record,
    Removal,
    Scope,
    StartStorage,
    Stats,
    Storage,
    Survives,
    Write,
)

__all__ = [
    "Capabilities",
    "Change",
    "CopyStorage",
    "Entry",
    "FeedSpec",
    "Outcome",
    "Page",
    "Query",
    "Record",
    "Removal",
    "Scope",
    "StartStorage",
    "Stats",
    "Storage",
    "Survives",
    "Write",
]
