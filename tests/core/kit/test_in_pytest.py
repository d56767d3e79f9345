"""The kit in pytest sessions of its own, as a third party runs it: no conftest, strict markers, warnings as errors."""

import os
import re
import subprocess
import sys
from pathlib import Path

TEN_LINES = """
from streamfw_core.testing import StorageContract
from tests.core.kit.faults import FAULTS
from tests.core.kit.plain_storage import PlainStorage


class TestStorage(StorageContract):
    {extra}

    def make_storage(self, name):
        return {storage}(name)
"""


def run(folder: Path, source: str, *arguments: str) -> tuple[int, str]:
    test = folder / "test_third_party.py"
    test.write_text(source)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--strict-markers",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [
            *command,
            "-rA",
            "--rootdir",
            str(folder),
            "-c",
            "/dev/null",
            *arguments,
            str(test),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        # Not the option pythonpath, which a folder with a space in its name would split.
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def third_party(storage: str = "PlainStorage", extra: str = "pass") -> str:
    return TEN_LINES.format(storage=storage, extra=extra)


def test_a_good_storage_passes(tmp_path: Path) -> None:
    code, output = run(tmp_path, third_party())
    assert code == 0, output
    assert "failed" not in output


def test_a_faulty_storage_fails_and_the_promise_is_in_the_summary(tmp_path: Path) -> None:
    for name in ("LosesTheLowerBound", "Resurrects", "FlushesNeighbours"):
        code, output = run(tmp_path, third_party(f"FAULTS['{name}'].make"), "-k", "not history and not histories")
        assert code == 1, output
        promise = {"LosesTheLowerBound": "C3", "Resurrects": "C9", "FlushesNeighbours": "C26"}[name]
        assert f"PromiseBroken: {promise} broken: " in output


def test_an_error_of_the_backend_is_a_broken_promise_too(tmp_path: Path) -> None:
    code, output = run(tmp_path, third_party("FAULTS['FailsOnEmptyInput'].make"), "-k", "empty_input")
    assert code == 1
    assert "PromiseBroken: C11 broken: empty input does nothing: raised StorageError: ERR wrong number" in output


def test_property_tests_find_faults_and_show_the_smallest_history(tmp_path: Path) -> None:
    # A hundred random histories may all miss a fault; these do not.
    chosen = ("--hypothesis-seed=2", "-k", "test_histories_end_the_same")
    code, output = run(tmp_path, third_party("FAULTS['Resurrects'].make"), *chosen)
    assert code == 1
    assert "C9 broken: what a feed shows after " in output
    assert re.search(r"after (add 0 at 2, )+remove 0 at 2", output)


def test_replacing_a_contract_test_is_an_error_that_names_it(tmp_path: Path) -> None:
    replaced = "test_lower_bound_is_exact = None"
    code, output = run(tmp_path, third_party(extra=replaced))
    assert code == 2
    assert "TestStorage replaces the contract test test_lower_bound_is_exact" in output
    assert 'declare deviations = {"test_lower_bound_is_exact": "why"} or the promise (C3)' in output


def test_a_mixin_cannot_replace_a_contract_test_either(tmp_path: Path) -> None:
    source = third_party() + "\n\nclass Lenient:\n    def test_lower_bound_is_exact(self):\n        pass\n\n\n"
    source += "class TestLenient(Lenient, StorageContract):\n    pass\n"
    code, output = run(tmp_path, source)
    assert code == 2
    assert "TestLenient replaces the contract test test_lower_bound_is_exact" in output


def test_a_contract_test_cannot_be_deleted_afterwards(tmp_path: Path) -> None:
    source = third_party() + "\n\nTestStorage.test_lower_bound_is_exact = None\n"
    code, output = run(tmp_path, source)
    assert code == 2
    assert "TestStorage replaces the contract test test_lower_bound_is_exact" in output


def test_a_declared_deviation_is_an_expected_failure(tmp_path: Path) -> None:
    deviations = "deviations = {'C25': 'this server ends texts at NUL', 'C24': 'no'}"
    source = third_party("FAULTS['EndsPayloadsAtNul'].make", deviations.replace(", 'C24': 'no'", ""))
    code, output = run(tmp_path, source, "-k", "bytes or byte or declared or megabyte")
    assert code == 0, output
    assert "declared deviation: this server ends texts at NUL" in output
    assert "test_records_come_back_byte_by_byte" in output


def test_a_single_test_may_be_the_deviation(tmp_path: Path) -> None:
    deviations = "deviations = {'test_records_come_back_byte_by_byte': 'texts end at NUL'}"
    code, output = run(
        tmp_path, third_party("FAULTS['EndsPayloadsAtNul'].make", deviations), "-k", "records_come_back_byte"
    )
    assert code == 0, output
    code, output = run(tmp_path, third_party(extra=deviations), "-k", "records_come_back_byte")
    assert code == 1
    assert "test_records_come_back_byte_by_byte is declared as a deviation (texts end at NUL), but it holds" in output


def test_a_deviation_of_another_promise_excuses_nothing(tmp_path: Path) -> None:
    source = third_party("FAULTS['LosesTheLowerBound'].make", "deviations = {'C25': 'why'}")
    code, output = run(tmp_path, source, "-k", "lower_bound")
    assert code == 1
    assert "PromiseBroken: C3 broken: " in output


def test_a_deviation_that_holds_fails(tmp_path: Path) -> None:
    code, output = run(tmp_path, third_party(extra="deviations = {'C25': 'once it was so'}"), "-k", "declared")
    assert code == 1
    assert "C25 is declared as a deviation (once it was so), but it holds: remove the declaration" in output


def test_a_deviation_needs_a_reason_and_a_known_name(tmp_path: Path) -> None:
    code, output = run(tmp_path, third_party("FAULTS['Resurrects'].make", "deviations = {'C9': ''}"), "-k", "declared")
    assert code == 1
    assert "the deviation C9 has no reason" in output
    code, output = run(tmp_path, third_party(extra="deviations = {'C99': 'why'}"), "-k", "declared")
    assert code == 1
    assert "the deviation 'C99' is neither a promise (C1 to C28) nor a test of TestStorage" in output


def test_a_storage_declares_deviations_itself(tmp_path: Path) -> None:
    source = """
from attrs import evolve
from streamfw_core.testing import StorageContract
from tests.core.kit.faults import FAULTS

Faulty = FAULTS["EndsPayloadsAtNul"].make


class Declared(Faulty):
    capabilities = evolve(Faulty.capabilities, deviations={"C25": "texts end at NUL"})


class TestStorage(StorageContract):
    def make_storage(self, name):
        return Declared(name)
"""
    code, output = run(tmp_path, source, "-k", "bytes or byte or declared")
    assert code == 0, output
    assert "declared deviation: texts end at NUL" in output


def test_who_does_not_say_what_to_test_is_told(tmp_path: Path) -> None:
    source = "from streamfw_core.testing import StorageContract\n\n\nclass TestNothing(StorageContract):\n    pass\n"
    code, output = run(tmp_path, source, "-k", "lower_bound")
    assert code == 1
    assert "TestNothing does not say what it tests: define make_storage(self, name)" in output


def test_the_pytest_plugin_imports_nothing_of_the_kit() -> None:
    program = (
        "import sys, pytest; before = {*sys.modules}; import streamfw_core.testing.pytest_plugin;"
        "print(*sorted(name for name in {*sys.modules} - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "streamfw_core",
        "streamfw_core._version",
        "streamfw_core.testing",
        "streamfw_core.testing.pytest_plugin",
    ]


def test_lazy_objects_of_a_test_module_are_left_alone(tmp_path: Path) -> None:
    """Such as Django's settings, whose class nobody can know before they are configured."""
    lazy = """
class Lazy:
    @property
    def __class__(self):
        raise RuntimeError("not configured")


settings = Lazy()
"""
    code, output = run(tmp_path, third_party() + lazy)
    assert code == 0, output
