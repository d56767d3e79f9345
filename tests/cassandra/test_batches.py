"""How statements are put into batches: all of them, once and in order, within the bounds, and no feed's in two."""

from __future__ import annotations

from itertools import groupby

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from streamfw_cassandra.batches import ROW, Batch, Packer
from streamfw_cassandra.options import parse

OPTIONS = parse("batches", {"url": "cassandra://h/feeds"})
ROWS, BYTES = 7, 1_500

WRITES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 400), min_size=1, max_size=20),  # payloads of each feed
        st.lists(st.integers(1, 60), max_size=12),  # lengths of owners
    ),
    max_size=5,
)


@given(WRITES)
def test_statements_come_out_once_in_order_and_within_the_bounds(writes: list[tuple[list[int], list[int]]]) -> None:
    packer = Packer(evolve(OPTIONS, batch_rows=ROWS, batch_bytes=BYTES))
    batches: list[Batch] = []
    expected: list[tuple[str, tuple[int, int, int]]] = []
    for write, (sizes, lengths) in enumerate(writes):
        owners = [f"{write}-{number}".ljust(length, "x") for number, length in enumerate(lengths)]
        feeds = [(owner, [(write, number, size) for size in range(len(sizes))]) for number, owner in enumerate(owners)]
        batches += packer.fill(iter(feeds), sizes)
        expected += [(owner, statement) for owner, statements in feeds for statement in statements]
    batches += packer.end()
    assert [*packer.end()] == []

    found = [pair for batch in batches for pair in zip(batch.owners, batch.statements, strict=True)]
    assert found == expected
    sizes_of = [sizes for sizes, _ in writes]
    for batch in batches:
        rows = [
            sizes_of[write][size] + ROW + len(owner)
            for owner, (write, _, size) in zip(batch.owners, batch.statements, strict=True)
        ]
        assert rows
        if len({*batch.owners}) > 1:
            assert len(rows) <= ROWS
        # One row may be larger than a batch is to become.
        assert len(rows) == 1 or sum(rows) <= BYTES

    runs = [owner for batch in batches for owner, _ in groupby(batch.owners)]
    for owner in {*runs}:
        payloads = sizes_of[int(owner.partition("-")[0])]
        whole = sum(payloads) + len(payloads) * (ROW + len(owner))
        assert runs.count(owner) == 1 or whole > BYTES
