"""How long removals are remembered: said once for all storages, or by the options of one."""

from __future__ import annotations

from streamfw_core import Streams


def test_the_settings_say_it_for_every_storage_that_does_not_say_it_itself() -> None:
    own = {"backend": "memory", "options": {"tombstone_ttl": 5}}
    with Streams({"storages": {"default": "memory://", "own": own}, "tombstone_ttl": 60}) as streams:
        assert streams.storage("default").tombstone_ttl == 60
        assert streams.storage("own").tombstone_ttl == 5


def test_without_settings_the_storage_says_it() -> None:
    with Streams() as streams:
        assert streams.storage("default").tombstone_ttl == 10 * 24 * 60 * 60
