"""What `celery -A` names: the Celery of the network in Flask."""

from tests.flask.flask_network import create_app

celery_app = create_app().extensions["celery"]
