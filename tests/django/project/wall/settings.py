"""The settings of the server and of the worker."""

import os

import wall_common
from wall_common import *  # noqa: F403

INSTALLED_APPS = [*wall_common.INSTALLED_APPS, "streamfw_celery"]
CELERY_BROKER_URL = os.environ["BROKER_URL"]
CELERY_BROKER_TRANSPORT = "streamfw_celery.redis_transport:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 60}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
STREAMFW = {
    "storages": {"default": os.environ["REDIS_URL"]},
    "feeds": {"wall": {"max_length": 50}},
    "task_queue": {"backend": "celery", "options": {"app": "wall.celery:app"}},
}
