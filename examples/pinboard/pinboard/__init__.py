"""The project. Celery's app is loaded with it where there is a broker, as Celery's documentation has it."""

import os

if os.environ.get("PINBOARD_BROKER"):
    from .celery import app as celery_app

    __all__ = ["celery_app"]
