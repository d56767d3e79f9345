"""For a server of WSGI, such as gunicorn; static files are then the business of whatever is in front of it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pinboard.settings")

application = get_wsgi_application()
