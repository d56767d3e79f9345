"""Messages as jobs of RQ: one of its queues for each priority, and one function that every job calls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from attrs import field, frozen
from attrs.validators import deep_iterable, ge, matches_re, min_len
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Retry, get_current_job
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer
from streamfw_core.errors import QueueClosed, QueueUnavailable
from streamfw_core.queues import DeadLetter, FanoutPriority, Handler, OnDead, delivering
from streamfw_core.queues.retry import MessageFailed
from streamfw_core.settings import structure_options
from streamfw_core.storage import Scope

from streamfw_core import default_streams

TEXT = ("utf-8", "surrogateescape")  # JSON has texts: this makes one of any bytes, and the same bytes of it again


@frozen
class Options:
    """`pauses`: whole seconds before what failed is tried again, one for each time. Only RQ's scheduler ends a pause."""

    url: str = field(default="redis://localhost:6379/0", validator=matches_re(r"(rediss?|unix)://.*"))
    pauses: tuple[int, ...] = field(default=(5, 10, 20, 40, 80, 160), validator=[min_len(1), deep_iterable(ge(0))])


def execute(message: str) -> None:
    """What every job calls, in a worker. Jobs that wait have its name, so it stays where it is."""
    job = get_current_job()
    assert job is not None, "only a worker of RQ calls this"
    job.meta["attempts"] = job.meta.get("attempts", 0) + 1
    job.save_meta()
    try:
        with delivering(job.id, FanoutPriority(job.origin.removeprefix("streamfw.")), job.meta["attempts"]):
            default_streams().execute(message.encode(*TEXT))
    except MessageFailed as failed:
        job.args = [failed.rest.decode(*TEXT)]  # RQ saves it in the transaction that ends this attempt
        job.retries_left = job.retries_left if failed.retriable else 0
        error = failed.__cause__ or failed
        if not job.should_retry:
            default_streams().given_up(f"{type(error).__name__}: {error}")
        raise error from error.__cause__


class MessageJob(Job):
    """What workers make of the jobs in Redis: it calls `execute`, whatever they name, and nothing and nobody else."""

    success_callback = failure_callback = stopped_callback = None
    func = property(lambda _: execute)

    def send_webhooks(self, *_: object, **__: object) -> None:
        """Their addresses are from Redis too."""


class RqQueue:
    """The queues `streamfw.high`, `streamfw.normal` and `streamfw.low` of RQ, each for workers of its own."""

    scope = Scope.SHARED

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        self.name = name
        self.options = structure_options(Options, options, "task_queue.options")
        self._redis = redis = Redis.from_url(self.options.url, socket_connect_timeout=5, socket_timeout=5)
        self._queues = {each: Queue(f"streamfw.{each}", redis, serializer=JSONSerializer) for each in FanoutPriority}
        self._closed = False

    def bind(self, handler: Handler, on_dead: OnDead) -> None:
        """Nothing is executed in this process, unless it is a worker: see `execute`."""

    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        if self._closed:
            raise QueueClosed(f"task queue {self.name!r} is closed: make new Streams to publish again")
        text, again = message.decode(*TEXT), Retry(len(self.options.pauses), self.options.pauses)
        with self._reaching_redis():
            self._queues[priority].enqueue_call(
                execute, [text], retry=again, description="a message", result_ttl=0, failure_ttl=10 * 365 * 86_400
            )

    def drain(self, timeout: float | None = None) -> None:
        """Others execute what was enqueued: there is nothing to wait for."""

    def close(self) -> None:
        self._closed = True
        self._redis.close()

    def dead_letters(self, limit: int | None = None) -> list[DeadLetter]:
        letters: list[DeadLetter] = []
        with self._reaching_redis():
            for priority, queue in self._queues.items():
                ids = queue.failed_job_registry.get_job_ids(0, -1 if limit is None else limit, cleanup=False)
                letters += [_letter(job, priority) for id in ids if (job := queue.fetch_job(id))]
        return sorted(letters, key=lambda letter: letter.died_at)[:limit]

    def retry_dead(self, ids: Sequence[str] | None = None) -> int:
        return self._forget(ids, first=lambda letter: self.enqueue(letter.message, letter.priority))

    def drop_dead(self, ids: Sequence[str] | None = None) -> int:
        return self._forget(ids, first=lambda _: None)

    def _forget(self, ids: Sequence[str] | None, first: Callable[[DeadLetter], None]) -> int:
        letters = [letter for letter in self.dead_letters() if ids is None or letter.id in ids]
        for letter in letters:
            first(letter)
            with self._reaching_redis():
                if job := self._queues[letter.priority].fetch_job(letter.id):
                    job.delete(remove_from_queue=False)
        return len(letters)

    @contextmanager
    def _reaching_redis(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            told = f"task queue {self.name!r}: {error}; is its Redis up, and task_queue.options.url right?"
            raise QueueUnavailable(told, queue=self.name) from error


def _letter(job: Job, priority: FanoutPriority) -> DeadLetter:
    try:
        message = str(job.args[0]).encode(*TEXT)
    except (DeserializationError, LookupError):
        message = job.data
    result = job.latest_result()
    reason = ((result and result.exc_string) or "unknown").strip().rpartition("\n")[2]
    return DeadLetter(job.id, message, priority, reason, job.ended_at or job.created_at, job.meta.get("attempts", 1))
