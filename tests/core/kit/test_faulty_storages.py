"""The kit against faulty storages: it must fail, and name the promise that broke."""

import re

import pytest
from streamfw_core.errors import StorageError
from streamfw_core.storage import FeedSpec, Storage
from streamfw_core.testing import FeedContract, Result, StorageContract, run_contract

from tests.core.kit.faults import FAULTS, Breakable, Fault
from tests.core.kit.plain_storage import PlainStorage


def contract_of(fault: Fault) -> type[StorageContract]:
    class Faulty(StorageContract):
        def make_storage(self, name: str) -> Storage:
            return fault.make(name)

        def spoil_feed(self, storage: Storage, spec: FeedSpec, owner: str) -> bool:
            if isinstance(storage, Breakable):
                storage.spoilt.add(owner)
                return True
            return False

    return Faulty


def failures(results: list[Result]) -> list[Result]:
    return [result for result in results if result.outcome == "failed"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_storage_fails_with_the_promise_that_it_breaks(name: str) -> None:
    fault = FAULTS[name]
    failed = failures(run_contract(contract_of(fault), promise=fault.promise, properties=False))
    named = [result for result in failed if fault.promise in result.promises_broken]
    assert named, f"{fault.words} The kit did not notice; failed: {failed}"
    for result in named:
        # An error in the faulty storage's own code would prove nothing.
        assert isinstance(result.error.__cause__ if result.error else None, StorageError | None), result.error
        assert re.match(rf"(C\d+, )*{fault.promise}(, C\d+)* broken: .+", str(result.error), re.DOTALL)


def test_the_storage_of_which_the_faulty_ones_are_made_passes() -> None:
    for feeds in (StorageContract, FeedContract):

        class Plain(feeds):  # type: ignore[misc,valid-type]
            def make_storage(self, name: str) -> Storage:
                return PlainStorage(name)

        assert not failures(run_contract(Plain))


def test_a_storage_that_reports_failures_passes() -> None:
    results = run_contract(contract_of(Fault(Breakable, "C8", "no fault")))
    assert not failures(results)
    assert {result.outcome for result in results} == {"passed", "skipped"}
    assert "test_a_feed_that_cannot_be_written_is_named_and_costs_no_other" in {
        result.test for result in results if result.outcome == "passed"
    }


def test_there_are_faults_against_every_promise_that_concerns_a_storage() -> None:
    assert len(FAULTS) >= 24
    assert {fault.promise for fault in FAULTS.values()} == {
        "C2", "C3", "C4", "C6", "C7", "C8", "C9", "C10", "C11", "C25", "C26", "C27",
    }  # fmt: skip
    assert all(fault.words.endswith(".") for fault in FAULTS.values())
