"""The kit against storages with faulty groups: it must fail, and name the promise that broke."""

import re

import pytest
from streamfw_core.errors import StorageError
from streamfw_core.storage import Storage
from streamfw_core.testing import (
    AggregatedFeedContract,
    GroupStorageContract,
    NotificationFeedContract,
    Result,
    StorageContract,
    run_contract,
)

from tests.core.kit.group_faults import GROUP_FAULTS
from tests.core.kit.plain_groups import PlainGroups
from tests.core.kit.plain_storage import PlainStorage


def failures(results: list[Result]) -> list[Result]:
    return [result for result in results if result.outcome == "failed"]


@pytest.mark.parametrize("name", GROUP_FAULTS)
def test_a_storage_with_faulty_groups_fails_with_the_promise_that_it_breaks(name: str) -> None:
    fault = GROUP_FAULTS[name]

    class Faulty(GroupStorageContract):
        def make_storage(self, name: str) -> Storage:
            return fault.make(name)

    failed = failures(run_contract(Faulty, promise=fault.promise, properties=False))
    named = [result for result in failed if fault.promise in result.promises_broken]
    assert named, f"{fault.words} The kit did not notice; failed: {failed}"
    for result in named:
        # An error in the faulty storage's own code would prove nothing.
        assert isinstance(result.error.__cause__ if result.error else None, StorageError | None), result.error
        assert re.match(rf"(C\d+, )*{fault.promise}(, C\d+)* broken: .+", str(result.error), re.DOTALL)


def test_the_storage_of_which_the_faulty_ones_are_made_passes() -> None:
    for kind in (StorageContract, GroupStorageContract, AggregatedFeedContract, NotificationFeedContract):

        class Plain(kind):  # type: ignore[misc,valid-type]
            def make_storage(self, name: str) -> Storage:
                return PlainGroups(name)

        assert not failures(run_contract(Plain))


def test_without_groups_all_is_skipped_with_the_reason() -> None:
    class Flat(GroupStorageContract):
        def make_storage(self, name: str) -> Storage:
            return PlainStorage(name)

    results = run_contract(Flat)
    assert {result.outcome for result in results} == {"skipped"}
    assert {str(result.error) for result in results} == {"there are no groups (the capability exact_members is 0)"}


def test_there_are_faults_against_every_promise_that_concerns_groups() -> None:
    assert len(GROUP_FAULTS) >= 16
    assert {f"C{number}" for number in range(12, 20)} <= {fault.promise for fault in GROUP_FAULTS.values()}
    assert all(fault.words.endswith(".") for fault in GROUP_FAULTS.values())


@pytest.mark.parametrize(
    ("name", "promise"),
    [
        ("MovesTheDigest", "C2"),
        ("MergesGroupsOfOneMillisecond", "C13"),
        ("LosesTheGroupAtTheBound", "C3"),
        ("LooksInAWindow", "C15"),
        ("CountsRedeliveries", "C20"),
        ("CountsActivitiesAsActors", "C14"),
        ("CountsWhatIsInView", "C14"),
        ("ShowsTheOldestMembers", "C14"),
        ("RemovesTheWholeGroup", "C17"),
        ("WritesTheFirstGroupOnly", "C14"),
        ("CountsMembersThatWereThere", "C6"),
        ("CutsMembers", "C7"),
        ("RevivesMembers", "C9"),
        ("RefillsGroupsThatBeganAnew", "C9"),
        ("IgnoresTheCaseOfKeys", "C26"),
        ("SwapsWhateverTheVersion", "C12"),
        ("MarksTheFuture", "C19"),
        ("MarksByTime", "C19"),
        ("RedeliveryMakesUnseen", "C18"),
        ("StaysUnseen", "C18"),
        ("CountsUnseenWithoutBounds", "C18"),
        ("ReportsAllThatWasMarked", "C18"),
    ],
)
def test_grouped_feeds_on_faulty_groups_fail_too(name: str, promise: str) -> None:
    contract = NotificationFeedContract if promise in ("C18", "C19") else AggregatedFeedContract

    class Faulty(contract):  # type: ignore[misc,valid-type]
        def make_storage(self, name_: str) -> Storage:
            return GROUP_FAULTS[name].make(name_)

    failed = failures(run_contract(Faulty, promise=promise, properties=False))
    named = [result for result in failed if promise in result.promises_broken]
    assert named, f"{GROUP_FAULTS[name].words} The kit did not notice; failed: {failed}"
