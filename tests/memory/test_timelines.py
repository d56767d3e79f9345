"""What the conformance kit leaves open, because it concerns entries that a full feed cut."""

from __future__ import annotations

import pytest
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Write
from streamfw_memory.storage import MemoryStorage

SPEC = FeedSpec("full", KeyFormat("full:%(user_id)s"), 2, inline=True)


@pytest.mark.parametrize(
    "later", [Write(["a"], updates=[Entry(1, 5, b"new")]), Write(["a"], puts=[Entry(1, 5, b"new")])]
)
def test_an_update_of_an_entry_that_was_cut_has_no_say_in_one_that_is_added_anew(later: Write) -> None:
    storage = MemoryStorage()
    storage.write(SPEC, [Write(["a"], puts=[Entry(1, 1, b"old")], updates=[Entry(1, 9, b"updated")])])
    storage.write(SPEC, [Write(["a"], puts=[Entry(2, 1, b""), Entry(3, 1, b"")])])
    storage.clear(SPEC, ["a"], keep=1, stamp=1)

    storage.write(SPEC, [Write(["a"], puts=[Entry(1, 2, b"anew")]), later])

    assert storage.read(SPEC, [Query("a", upper=1)])[0].payloads == [b"new"]
