"""What this plugin offers. Only core is imported here; RQ is when the queue is first used."""

from streamfw_core.plugins import Register, hookimpl


@hookimpl
def streamfw_register_task_queues(register: Register) -> None:
    register("rq-example", "streamfw_example_queue.queue:RqQueue", summary="workers of RQ, as an example")
