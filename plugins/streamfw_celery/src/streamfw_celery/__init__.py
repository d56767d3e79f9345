"""Task queues of streamfw on Celery and on kombu."""
