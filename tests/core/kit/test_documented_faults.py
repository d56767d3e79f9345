"""`docs/conformance.md` lists every fault that the kit is tested with."""

from pathlib import Path

from tests.core.kit.faults import FAULTS
from tests.core.kit.faults_elsewhere import METRICS, QUEUES, SERIALIZERS
from tests.core.kit.group_faults import GROUP_FAULTS

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"


def test_the_page_lists_every_fault_with_its_promise() -> None:
    listed = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for table in (FAULTS, GROUP_FAULTS, SERIALIZERS, QUEUES, METRICS):
        for name, fault in table.items():
            assert f"| {name} | {fault.promise} | {fault.words} |" in listed, f"docs/conformance.md lacks {name}"
