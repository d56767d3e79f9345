"""The kit against faulty storages: it must fail, and name the promise that broke."""

import os
import re
from collections.abc import Sequence

import pytest
from attrs import evolve
from streamfw_core.errors import StorageError
from streamfw_core.storage import FeedSpec, Outcome, Scope, Storage, Write
from streamfw_core.testing import FeedContract, Result, StorageContract, run_contract
from streamfw_core.testing.storages.running import in_processes

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


def test_a_failure_in_a_child_process_says_what_the_first_one_raised(capfd: pytest.CaptureFixture[str]) -> None:
    class OfOneProcess(PlainStorage):
        capabilities = evolve(PlainStorage.capabilities, scope=Scope.SHARED)
        process = os.getpid()

        def write(self, spec: FeedSpec, writes: Sequence[Write], *, report: bool = False) -> Outcome:
            if os.getpid() != self.process:
                raise StorageError("the handle is another process's")
            return super().write(spec, writes, report=report)

    contract = contract_of(Fault(OfOneProcess, "C27", "a handle that is used after a fork"))
    [result] = run_contract(contract, test="test_a_storage_works_on_both_sides_of_a_fork")

    assert str(result.error) == (
        "C27 broken: 8 of 8 children that use a storage opened before the fork failed,"
        """ the first with StorageError("the handle is another process's")"""
    )
    assert capfd.readouterr().err.count("Traceback") == 1


def test_a_child_process_that_dies_is_told_by_its_exit_code() -> None:
    assert in_processes(os._exit, 3) == ["exit code 1", "exit code 2"]


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
