"""What this plugin offers. Only core is imported here; Celery and kombu are when a queue is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_task_queues(register: Register) -> None:
    register(
        "celery",
        "streamfw_celery.celery_queue:CeleryQueue",
        summary="Workers of Celery, of the program's own app or of one that the settings describe",
    )
    register(
        "kombu",
        "streamfw_celery.kombu_queue:KombuQueue",
        summary="Workers of `streamfw worker`, over RabbitMQ, Redis and what else kombu speaks",
    )
