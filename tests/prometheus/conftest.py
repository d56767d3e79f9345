"""A web server of the test's own."""

from tests.services.fixtures import start_worker

__all__ = ["start_worker"]
