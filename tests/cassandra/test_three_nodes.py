"""Three replicas of each feed, of which one may die at any time."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.cassandra import three_nodes
from tests.services.cassandra import Cassandra

DELIVERIES = "STREAMFW_CASSANDRA_DELIVERIES"
"""The environment variable that makes it more than what a run of all tests has time for."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_node_that_dies_in_a_fan_out_and_comes_back_costs_nothing(start_cassandra: Callable[..., Cassandra]) -> None:
    deliveries = int(os.environ.get(DELIVERIES, "20000"))

    figures = three_nodes.run(start_cassandra(nodes=3), deliveries)

    assert figures.deliveries >= deliveries
    assert figures.while_away > deliveries // 5
    assert figures.reads
