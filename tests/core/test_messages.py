"""Owners in messages: what is done with thousands at once gives what is done with one after the other."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from streamfw_core.ids import encode_owner
from streamfw_core.messages import feed_owners, wire_owner, wire_owners

NUMBERS = st.integers(-(2**63), 2**63 - 1)
PLAIN = st.text("abcXYZ019-_.~", min_size=1, max_size=4)
TEXTS = st.text(min_size=1, max_size=4)
OWNERS = st.one_of(*map(st.lists, (NUMBERS, st.integers(0, 9), st.integers(), PLAIN, TEXTS, NUMBERS | TEXTS)))


@given(OWNERS)
@example([2**63, -(2**63) - 1])
@example(["13", 13])
@example(["a", "a"])
@example(["é"])
@example(["a\n"])
def test_owners_are_encoded_each_once_as_one_by_one(owners: list[int | str]) -> None:
    assert feed_owners(owners) == [*dict.fromkeys(map(encode_owner, owners))]


@given(OWNERS)
def test_ids_go_into_messages_as_one_by_one(owners: list[int | str]) -> None:
    assert wire_owners(owners) == [wire_owner(owner) for owner in owners]
