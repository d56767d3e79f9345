"""The page on Redis holds: its examples run on a server, its tables name all that there is, and its figures are measured."""

from __future__ import annotations

import random
import re
import shlex
import shutil
import subprocess
from typing import ClassVar

import attrs
import pytest
from streamfw_core.errors import StorageError
from streamfw_core.keys import KeyFormat
from streamfw_core.storage import Entry, FeedSpec, Query, Removal, Write
from streamfw_redis.failures import HINTS, PASSING
from streamfw_redis.options import Options
from streamfw_redis.packing import LONG, MIDDLE, SHORT
from streamfw_redis.scripts import script
from streamfw_redis.storage import RedisStorage, create

from streamfw_core import Activity, FanoutPriority, Feed, Love, Manager, NotificationFeed, Streams
from streamfw_redis import keys
from tests.docs.pages import DOCS, run_examples
from tests.services.binaries import Binary
from tests.services.cluster import Cluster
from tests.services.fixtures import Shared, unavailable
from tests.services.redis import Server

PAGE = DOCS / "redis.md"
TEXT = PAGE.read_text(encoding="utf-8")

START = 1_795_000_000_000
NETWORK = {"SLOW", "UNREACHABLE", "NO_MASTER"}
"""Words of ours for what no server said, and which is tried again."""


@pytest.fixture
def server(redis_binary: Binary, shared_services: Shared) -> Server:
    """One for this page, and empty."""
    own = shared_services.get(f"page {redis_binary.label}", lambda: Server(redis_binary))
    own.flush()
    return own


def test_examples_run(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", server.url)
    assert run_examples(PAGE, console=lambda command: _redis_cli(server, command)) > 5


def _redis_cli(server: Server, command: str) -> str:
    program = shutil.which("redis-cli")
    if program is None:
        unavailable("there is no redis-cli on PATH: install Debian's redis-tools")
    _, *arguments = shlex.split(command)
    called = [program, "--no-raw", "-p", str(server.port), *arguments]  # prints what it would to a terminal
    return subprocess.run(called, check=True, capture_output=True, timeout=30).stdout.decode(
        "utf-8", "backslashreplace"
    )


def test_every_option_is_listed_with_its_default() -> None:
    listed = _table("| option | what it says | default |")
    assert [row[0] for row in listed] == [f"`{option.name}`" for option in attrs.fields(Options)]
    default = Options()
    for name, _, shown in listed:
        value = getattr(default, name.strip("`"))
        assert shown.startswith(f"`{value!r}`"), f"the default of {name} is {value!r}"


def test_every_answer_is_listed_and_whether_it_is_tried_again() -> None:
    again: dict[str, str] = {}
    for words, tried, *_ in _table("| answer | again | what it is | what to do |"):
        again |= dict.fromkeys(words.split(", "), tried)
    assert set(again) == {*HINTS, *PASSING}
    assert {word for word, tried in again.items() if tried == "yes"} == PASSING | NETWORK


def test_every_kind_of_key_is_listed() -> None:
    letters = [value for value in vars(keys).values() if isinstance(value, bytes) and re.fullmatch(b"[a-z]:", value)]
    listed = " ".join(row[0] for row in _table("| key | type | what | lives |"))
    assert {*re.findall(r"`streamfw:(\w:)", listed)} == {letter.decode() for letter in letters}
    assert len(letters) == len(set(letters)) >= 8


def test_lengths_of_entries_are_those_of_the_code() -> None:
    [paragraph] = re.findall(r"^\*\*`f:`\*\* is a list.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    source = script("timeline_write", "timelines", "timeline_writing").source.decode()
    limits = [int(re.findall(rf"^local {name} = (\d+)", source, re.MULTILINE)[0]) for name in ("LONGEST_LIST", "SLACK")]
    for number in (SHORT, MIDDLE, LONG, *limits):
        assert re.search(rf"\b{number:,}\b", paragraph), f"the page does not say {number:,}"


@pytest.mark.parametrize("length", [100, 1_000, 10_000])
def test_bytes_of_an_entry_are_those_measured(server: Server, redis_binary: Binary, length: int) -> None:
    shown = _bytes_of_an_entry()
    if redis_binary.label not in shown:
        pytest.skip(f"the page has no figures of {redis_binary.label}")
    storage, spec = create("page", {"url": server.url}), FeedSpec("pin", KeyFormat("feed:pin:%(user_id)s"), 100_000)
    chance = random.Random(length)
    entries = [Entry((START + at << 64) | chance.getrandbits(64), (START + at) * 1000 + 30_000) for at in range(length)]
    for first in range(0, length, 1_000):
        storage.write(spec, [Write(["13"], puts=entries[first : first + 1_000])])
    storage.close()
    used = int(server.ask("MEMORY", "USAGE", "streamfw:f:feed:pin:13", "SAMPLES", "0"))
    assert used / length == pytest.approx(shown[redis_binary.label][length], rel=0.1)


def _bytes_of_an_entry() -> dict[str, dict[int, float]]:
    """Version -> number of entries -> what the page says."""
    header = "| entries of a flat feed | Redis 7.0, bytes each | Redis 8.2, bytes each |"
    found: dict[str, dict[int, float]] = {"redis-7.0": {}, "redis-8.2": {}}
    for number, seven, eight in _table(header):
        found["redis-7.0"][int(number.replace(",", ""))] = float(seven)
        found["redis-8.2"][int(number.replace(",", ""))] = float(eight)
    return found


class PinFeed(Feed):
    key_format = "feed:pin:%(user_id)s"


class Bell(NotificationFeed):
    key_format = "feed:bell:%(user_id)s"


class PinManager(Manager):
    feed_classes: ClassVar[dict[str, type[Feed]]] = {"pins": PinFeed}

    def get_user_follower_ids(self, user_id: object) -> dict[FanoutPriority, list[int]]:
        return {FanoutPriority.HIGH: [1, 2, 3]}


def _use_everything(url: str) -> None:
    """Whatever streamfw sends, each at least once."""
    with Streams({"storages": {"default": url}}) as streams:
        manager = PinManager(streams=streams)
        activities = [Activity("ada", Love, number) for number in range(20)]
        for activity in activities[:3]:
            manager.add_user_activity("ada", activity)
        manager.follow_user(9, "ada")
        manager.update_user_activity("ada", activities[0])
        manager.remove_user_activity("ada", activities[0])
        manager.unfollow_user(9, "ada")
        pins, bell = PinFeed(1, streams=streams), Bell(1, streams=streams)
        assert len(pins[:25]) == pins.count() == 2
        pins.trim(1)
        pins.delete()
        bell.add_many(activities)
        assert len(bell[:25]) == bell.count_unseen() == 20
        bell.mark_all(seen=True, read=True)
        bell.remove(activities[3])
        bell.trim(1)
        for feed_class in (PinFeed, Bell):
            feed_class.flush(streams=streams)


def _allowed(number: int) -> list[str]:
    return str(re.findall(r"^ACL SETUSER feeds .*$", TEXT, re.MULTILINE)[number]).split()


def test_a_user_who_may_do_what_the_page_says_can_do_everything(server: Server) -> None:
    server.ask(*_allowed(0))
    _use_everything(server.url.replace("redis://", "redis://feeds:secret@").replace("/0", "/3"))
    # Redis 6.2 does not know CLIENT SETINFO, which the driver asks for and can do without.
    assert [denied for denied in server.ask("ACL", "LOG") if "client" not in denied] == []


def test_a_user_of_a_cluster_who_may_do_what_the_page_says_can_do_everything(redis_cluster: Cluster) -> None:
    for node in redis_cluster.servers:
        node.ask(*_allowed(1))
    _use_everything(redis_cluster.url.replace("redis+cluster://", "redis+cluster://feeds:secret@"))
    for node in redis_cluster.servers:
        node.ask("ACL", "DELUSER", "feeds")


def test_keys_in_buckets_can_be_moved_to_a_cluster_as_they_are(server: Server, redis_cluster: Cluster) -> None:
    spec = FeedSpec("moved", KeyFormat("moved:%(user_id)s"), 100)
    owners, ids = [str(number) for number in range(40)], [(START << 64) + number for number in range(3)]
    one = create("one", {"url": server.url, "buckets": 128})
    one.write(spec, [Write(owners, puts=[Entry(id, START * 1000) for id in ids])])
    one.remember(spec, removes=[Removal(START << 64, START * 1000)])
    with server.client() as source, redis_cluster.client() as target:
        for key in source.scan_iter(count=1_000):
            data = source.dump(key)
            assert isinstance(data, bytes)
            target.restore(key, max(0, source.pttl(key)), data)
    cluster = create("cluster", {"url": redis_cluster.url})
    assert _ids(cluster, spec, owners) == _ids(one, spec, owners) == [ids[::-1]] * len(owners)
    late = Write(["new"], puts=[Entry(ids[0], START * 1000)])
    assert cluster.write(spec, [late]).added == 0
    cluster.flush(spec.namespace)
    one.close()
    cluster.close()


def _ids(storage: RedisStorage, spec: FeedSpec, owners: list[str]) -> list[list[int]]:
    pages = storage.read(spec, [Query(owner) for owner in owners])
    return [[entry.id for entry in page.entries] for page in pages]


@pytest.mark.parametrize("mend", ["by hand", "by delete"])
def test_a_grouped_feed_that_lost_its_hash_is_usable_when_the_rest_is_gone_too(server: Server, mend: str) -> None:
    with Streams({"storages": {"default": server.url}}) as streams:
        bell = Bell(1, streams=streams)
        bell.add(Activity("ada", Love, 1))
        server.ask("DEL", "streamfw:g:feed:bell:1")
        with pytest.raises(StorageError, match="feed:bell:1"):
            bell[:25]
        if mend == "by hand":
            server.ask("DEL", "streamfw:z:feed:bell:1")
        else:
            bell.delete()
        assert bell[:25] == []
        assert bell.add(Activity("ada", Love, 2)) == 1


@pytest.mark.parametrize(("masters", "low", "high"), [(3, 41, 45), (6, 19, 23), (10, 10, 17)])
def test_buckets_are_spread_over_masters_as_the_page_says(masters: int, low: int, high: int) -> None:
    from redis.crc import key_slot

    held = [0] * masters
    for bucket in range(128):
        held[key_slot(b"{b%d}" % bucket) * masters // 16_384] += 1
    assert (min(held), max(held)) == (low, high)
    assert f"{low} to {high}" in TEXT


def _table(header: str) -> list[list[str]]:
    """The cells of the rows under a header."""
    assert header in TEXT
    rows = TEXT.partition(header + "\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
