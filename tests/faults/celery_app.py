"""The app of the settings, whose workers say when they are ready at any log level."""

from __future__ import annotations

from celery.signals import worker_ready
from streamfw_celery.app import app

__all__ = ["app"]


@worker_ready.connect  # type: ignore[untyped-decorator]
def _say(**_: object) -> None:
    print("ready", flush=True)
