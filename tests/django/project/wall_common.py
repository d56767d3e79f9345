"""What all processes of the project have in common; by itself, the settings of tests that need no server."""

import os
from typing import Any

SECRET_KEY = "of the tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "photos.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "streamfw_django",
    "photos",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
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
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("WALL_DATABASE", ":memory:")},
    "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
}
STREAMFW: dict[str, Any] = {"feeds": {"wall": {"max_length": 50}}}
