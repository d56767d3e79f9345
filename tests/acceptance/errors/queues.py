"""Task queues and their options."""

from __future__ import annotations

from streamfw_core.errors import BackendNotFound, QueueClosed, SettingsError

from tests.acceptance.errors.rows import Row

ROWS = [
    Row(
        "a misspelt task queue",
        "Streams({'task_queue': 'thread'}).queue",
        BackendNotFound,
        "No installed plugin offers a task queue backend named 'thread'.\n"
        "  Did you mean 'threads'?\n"
        "  Available: inline, threads.\n"
        "  `streamfw plugins` shows what is installed.",
    ),
    Row(
        "workers as text",
        "Streams({'task_queue': {'backend': 'threads', 'options': {'workers': 'four'}}}).queue",
        SettingsError,
        "1 problem in the settings:\n"
        "  - task_queue.options.workers: must be an int, is a str (write the number without quotes)",
    ),
    Row(
        "one worker",
        "Streams({'task_queue': {'backend': 'threads', 'options': {'workers': 1}}}).queue",
        SettingsError,
        "1 problem in the settings:\n  - task_queue.options.workers: must be >= 2, is 1",
    ),
    Row(
        "no attempts",
        "Streams({'task_queue': {'backend': 'inline', 'options': {'attempts': 0}}}).queue",
        SettingsError,
        "1 problem in the settings:\n  - task_queue.options.attempts: must be >= 1, is 0",
    ),
    Row(
        "a queue that was closed",
        "closed = Streams({})\nclosed.queue.close()\nclosed.queue.enqueue(b'', FanoutPriority.HIGH)",
        QueueClosed,
        "task queue 'inline' is closed: make new Streams to publish again",
    ),
]
