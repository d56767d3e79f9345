"""The app: `"streamfw_django"` in `INSTALLED_APPS`."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.signals import setting_changed
from django.utils.module_loading import autodiscover_modules
from streamfw_core.plugins.known import OLD_NAMES
from streamfw_core.settings.sources import NAME
from streamfw_core.streams import set_default_factory

from streamfw_core import set_default_streams
from streamfw_django.application import make_streams

__all__ = ["StreamfwConfig"]


class StreamfwConfig(AppConfig):
    """Imports the `feeds.py` of every app, and makes Django's settings those of the default application."""

    name = "streamfw_django"
    verbose_name = "Feeds"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from streamfw_django.checks import check_deployment, check_program

        set_default_factory(make_streams)
        autodiscover_modules("feeds")
        checks.register(check_program, "streamfw")
        checks.register(check_deployment, "streamfw", deploy=True)
        setting_changed.connect(_forget, dispatch_uid="streamfw_django")


def _forget(*, setting: str, **_: Any) -> None:
    """Let the next use make an application from what a test has set with `override_settings`."""
    if setting in {NAME, *OLD_NAMES}:
        set_default_streams(None)
