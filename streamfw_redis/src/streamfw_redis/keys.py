"""The names of all keys. Nothing else spells one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from zlib import crc32

from attrs import field, frozen
from streamfw_core.errors import FeedConflict
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import FeedSpec

__all__ = ["GROUPS", "ORDER", "PAYLOADS", "TIMELINE", "Keys"]

TIMELINE, PAYLOADS, GROUPS, ORDER = b"f:", b"p:", b"g:", b"z:"
"""What a feed consists of: a letter that follows the prefix, and the feed's key."""
RECORD, NOTE, FLOORS, WITNESS = b"a:", b"n:", b"c:", b"w:"

_OWNER = rb"[A-Za-z0-9_.~%-]*"


@frozen
class Keys:
    """Key names under a prefix, in so many buckets: all keys of one bucket are in one slot of a cluster.

    With 0 buckets keys have no tag, and everything is in bucket 0.
    """

    prefix: bytes
    buckets: int = 0
    _starts: tuple[bytes, ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        tags = [b"{b%d}" % number for number in range(self.buckets)] or [b""]
        object.__setattr__(self, "_starts", tuple(self.prefix + tag for tag in tags))

    @property
    def all_buckets(self) -> range:
        return range(len(self._starts))

    def start(self, bucket: int) -> bytes:
        """What all keys of a bucket begin with."""
        return self._starts[bucket]

    def bucket_of(self, name: bytes) -> int:
        """The bucket that the name of a key is in."""
        if not self.buckets:
            return 0
        tag = name[len(self.prefix) :].partition(b"}")[0]
        return int(tag.removeprefix(b"{b"))

    def bucket_of_feed(self, key: bytes) -> int:
        return crc32(key) % self.buckets if self.buckets else 0

    def bucket_of_record(self, id: bytes) -> int:
        return crc32(id) % self.buckets if self.buckets else 0

    def record(self, namespace: bytes, id: bytes) -> bytes:
        """Of an activity in a namespace; `id` has 16 bytes."""
        return b"%b%b%b:%b" % (self._starts[self.bucket_of_record(id)], RECORD, namespace, id)

    def records(self, namespace: bytes, bucket: int = 0) -> bytes:
        """What the keys of all activities of a namespace begin with; the 16 bytes of the id follow."""
        return b"%b%b%b:" % (self._starts[bucket], RECORD, namespace)

    def notes(self, bucket: int, namespace: bytes, ids: Iterable[bytes]) -> list[bytes]:
        """The marker that something is remembered of entries of a namespace, and what is remembered of each of these."""
        marker = b"%b%b%b" % (self._starts[bucket], NOTE, namespace)
        return [marker, *(b"%b:%b" % (marker, id.hex().encode()) for id in ids)]

    def note(self, bucket: int, namespace: bytes, id: bytes) -> bytes:
        """What is remembered of an entry."""
        return self.notes(bucket, namespace, [id])[1]

    def floors(self, bucket: int, namespace: bytes) -> bytes:
        """Where the feeds of a feed class were cut."""
        return b"%b%b%b" % (self._starts[bucket], FLOORS, namespace)

    def witness(self, bucket: int) -> bytes:
        """What is written only to see that replicas get it."""
        return self._starts[bucket] + WITNESS

    def of_namespace(self, namespace: str) -> Iterator[tuple[bytes, re.Pattern[bytes]]]:
        """Everything under a namespace: patterns for SCAN, and what a key must match beside, as those let more through."""
        text = namespace.encode()
        start = _glob(self.prefix) + (b"{b*}" if self.buckets else b"")
        exact = re.escape(self.prefix) + (rb"\{b\d+\}" if self.buckets else b"")
        for letter, id in ((RECORD, rb".{16}"), (NOTE, rb"[0-9a-f]{32}")):
            yield (
                start + letter + _glob(text) + b":*",
                re.compile(exact + letter + re.escape(text) + b":" + id + rb"\Z", re.DOTALL),
            )
        for letter in (FLOORS, NOTE):
            yield start + letter + _glob(text), re.compile(exact + letter + re.escape(text) + rb"\Z", re.DOTALL)
        with suppress(FeedConflict):  # the namespace of records has no place for an owner
            feeds = KeyFormat(namespace)
            before, after = feeds.prefix.encode(), feeds.suffix.encode()
            for letter in (TIMELINE, PAYLOADS, GROUPS, ORDER):
                yield (
                    start + letter + _glob(before) + b"*" + _glob(after),
                    re.compile(exact + letter + re.escape(before) + _OWNER + re.escape(after) + rb"\Z", re.DOTALL),
                )


def ends_of(spec: FeedSpec) -> tuple[bytes, bytes]:
    """What stands before and after the owner in the key of a feed."""
    return spec.key_format.prefix.encode(), spec.key_format.suffix.encode()


def _glob(text: bytes) -> bytes:
    """A text for a pattern that means nothing but itself."""
    return re.sub(rb"([\\*?\[\]^])", rb"\\\1", text)
