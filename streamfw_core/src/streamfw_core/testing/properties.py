"""How property tests run: as many examples as keep a run of the kit short, whatever profile a project has."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

__all__ = ["EXAMPLES"]

EXAMPLES = settings(
    max_examples=100,
    deadline=None,
    # Subclasses share the tests, and a storage behind a network takes its time.
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
    report_multiple_bugs=False,
)
"""How often and how the property tests of the kit run; a test of your own may ask for more examples."""
