"""Everything in this process and one folder, unless the environment names servers.

- `PINBOARD_DATA`: the folder of the SQLite file.
- `PINBOARD_REDIS`: where feeds live, such as `redis://localhost:6379/0`; else in memory.
- `PINBOARD_BROKER`: through which workers of Celery get to know what to fan out, such as `amqp://localhost//`; else threads do.
- `PINBOARD_DEBUG`: 1 shows what fails in the browser, and lets `runserver` serve the style sheet.
"""

import os
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("PINBOARD_DATA") or BASE_DIR / "data").resolve()
REDIS = os.environ.get("PINBOARD_REDIS")
BROKER = os.environ.get("PINBOARD_BROKER")

SECRET_KEY = "an example: a site keeps its own where nobody sees it"  # noqa: S105
DEBUG = os.environ.get("PINBOARD_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pins",  # before the next, so that its templates win over the plain ones there
    "streamfw_django",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "pinboard.urls"
STATIC_URL = "static/"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "pinboard.sqlite3",
        # Many threads: readers beside a writer, and writers that wait for each other instead of failing.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
    }
}

STREAMFW: dict[str, Any] = {
    # The prefix keeps the feeds apart from those of other programs: the command flushes them when it begins.
    "storages": {
        "default": {"backend": "redis", "options": {"url": REDIS, "prefix": "pinboard:"}} if REDIS else "memory"
    },
    "feeds": {"home": {"max_length": 1000}, "digest": {"max_length": 200}, "notifications": {"max_length": 200}},
    "task_queue": {"backend": "threads"},
}
if BROKER:
    INSTALLED_APPS += ["streamfw_celery"]
    STREAMFW["task_queue"] = {"backend": "celery", "options": {"app": "pinboard.celery:app"}}
    CELERY_BROKER_URL = BROKER
    CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
    if BROKER.startswith("redis"):
        CELERY_BROKER_TRANSPORT = "streamfw_celery.redis_transport:Transport"
        CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 60}
