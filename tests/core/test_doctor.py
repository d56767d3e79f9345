"""What the doctor makes of backends that say much, little or nothing of themselves, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import attrs
import pytest
from streamfw_core.doctor import Finding, Level, Now, compare_clocks, diagnose, failure, ok
from streamfw_core.doctor.canary import OWN, Canary
from streamfw_core.errors import QueueUnavailable, StorageError
from streamfw_core.queues.inline import InlineQueue
from streamfw_core.storage.protocol import Record, Scope
from streamfw_memory.storage import MemoryStorage

from streamfw_core import Activity, Add, FanoutPriority, Feed, Manager, Streams, UserBaseFeed

HERE = __name__


class PlainStorage(MemoryStorage):
    """Says nothing of itself, and is shared as far as it says."""

    capabilities = attrs.evolve(MemoryStorage.capabilities, scope=Scope.SHARED)
    examine: Any = None

    def __init__(self, name: str, options: Mapping[str, object]) -> None:
        super().__init__(name)
        self.options = options

    def load(self, namespace: str, ids: Sequence[int]) -> list[Record | None]:
        if self.options.get("down"):
            raise StorageError("the plug is out", storage=self.name)
        return super().load(namespace, ids)

    def namespaces(self) -> set[str]:
        return {*self._timelines, *self._records}


class TalkingStorage(PlainStorage):
    """Says what its options tell it to."""

    def examine(self, now: Now) -> Iterable[Finding]:
        yield ok("storage 'talking'", "reachable", f"it is at {self.options['url']}")
        yield failure("storage 'talking'", "manners", f"it tells {self.options['api_token']}", "look away")
        raise RuntimeError("it stumbles")


class PlainQueue(InlineQueue):
    """Executes at once, and says that others do."""

    scope = Scope.SHARED


class LosingQueue(PlainQueue):
    def enqueue(self, message: bytes, priority: FanoutPriority) -> None: ...


class RefusingQueue(PlainQueue):
    def enqueue(self, message: bytes, priority: FanoutPriority) -> None:
        raise QueueUnavailable("nobody answers", queue="refusing")


class HomeFeed(Feed):
    key_format = "home:%(user_id)s"


class OwnHomeFeed(UserBaseFeed):
    key_format = "own-home:%(user_id)s"


class HomeManager(Manager):
    name = "home"
    feed_classes: ClassVar = {"home": HomeFeed}
    user_feed_class = OwnHomeFeed

    def get_user_follower_ids(self, user_id: object) -> Mapping[FanoutPriority, Sequence[int]]:
        return {}


def settings(storage: str = "PlainStorage", queue: str = "PlainQueue", **options: object) -> dict[str, Any]:
    return {
        "storages": {"default": {"backend": f"{HERE}:{storage}", "options": options}},
        "managers": {"home": f"{HERE}:HomeManager"},
        "task_queue": f"{HERE}:{queue}",
    }


@pytest.fixture(autouse=True)
def only_own_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMFW_SETTINGS", raising=False)
    monkeypatch.setenv("STREAMFW_ONLY_PLUGINS", "memory")


def said(findings: Iterable[Finding], level: Level = Level.FAILURE) -> list[str]:
    return [f"{finding.where}, {finding.what}: {finding.message}" for finding in findings if finding.level is level]


def test_a_feed_that_no_manager_has_is_a_warning_only_where_it_looks_misspelt() -> None:
    def warned(name: str) -> list[str]:
        return said(diagnose({**settings(), "feeds": {name: {"max_length": 8}}}), Level.WARNING)

    assert warned("bell") == warned("home")  # such as a notification feed, which has no manager
    where = "settings, feeds: feeds.hoem: no feed of the managers has this name"
    assert [one for one in warned("hoem") if one not in warned("home")] == [where]


def test_the_defaults_are_healthy() -> None:
    findings = [*diagnose({})]
    assert said(findings) == []
    assert said(findings, Level.OK)[-1].startswith("canary, canary: it arrived at 'default' by high, normal, low")


class TestBackends:
    def test_those_that_say_nothing_get_the_checks_that_all_get(self) -> None:
        good = said(diagnose(settings()), Level.OK)
        assert "storage 'default', reachable: it answers; it says nothing more of itself" in good
        assert any("it says nothing of itself, so only the canary shows whether it works" in one for one in good)
        assert any(one.startswith("canary of manager 'home', canary: it arrived") for one in good)

    def test_one_that_does_not_answer_is_a_failure(self) -> None:
        findings = [*diagnose(settings(down=True))]
        assert said(findings) == ["storage 'default', reachable: the plug is out"]
        [failed] = [finding for finding in findings if finding.level is Level.FAILURE]
        assert failed.hint == "`streamfw settings` shows its options"

    def test_one_that_raises_in_the_middle_has_said_what_came_before_and_hides_nothing(self) -> None:
        findings = [*diagnose(settings("TalkingStorage", url="here", api_token="swordfish"))]
        assert said(findings)[1:] == ["storage 'default', reachable: it stumbles"]
        assert said(findings, Level.OK)[-1].startswith("task queue")

    def test_secrets_that_they_tell_are_not_passed_on(self) -> None:
        options = {"url": "talk://me:open%20sesame@there/0", "api_token": "swordfish"}
        text = str([*diagnose(settings("TalkingStorage", **options))])
        assert "talk://***@there" in text
        assert "it tells ***" in text
        for secret in ("sesame", "swordfish"):
            assert secret not in text


class TestCanary:
    def test_one_that_does_not_arrive_is_a_failure_with_a_time_limit(self) -> None:
        [lost] = [one for one in diagnose(settings(queue="LosingQueue"), timeout=0.05) if one.level is Level.FAILURE]
        assert lost.where == "canary of manager 'home'"
        assert lost.message == "it did not arrive at 'default' by high, normal, low within 0.05 s"
        assert "streamfw worker --queues high,normal,low" in lost.hint

    def test_one_that_is_not_accepted_is_a_failure(self) -> None:
        [refused] = said(diagnose(settings(queue="RefusingQueue")))
        assert "it was not published or not read: " in refused
        assert "nobody answers" in refused

    def test_none_is_published_where_nobody_wants_one(self) -> None:
        with Streams(settings()) as streams:
            findings = [*diagnose(streams, canary=False)]
            storage: Any = streams.storage("default")
            assert storage.namespaces() == set()
        assert [finding for finding in findings if finding.what == "canary"] == []

    def test_only_its_own_feeds_are_touched_and_it_is_gone_from_them(self) -> None:
        with Streams(settings()) as streams:
            assert said(diagnose(streams)) == []
            storage: Any = streams.storage("default")
            touched = {"streamfw:canary:default:%(user_id)s", "streamfw:canary-activities:default"}
            assert storage.namespaces() <= touched
            for feed in canary_feeds(streams):
                assert feed[:100] == []

    def test_that_of_somebody_else_flies_on(self) -> None:
        with Streams(settings()) as streams:
            canary = streams.manager("streamfw.canary:home")
            other = Activity("streamfw.canary", Add, "somebody else's")
            canary.add_user_activity(OWN, other)
            assert said(diagnose(streams)) == []
            for feed in canary_feeds(streams):
                assert feed[:100] == [other]

    def test_it_flies_on_each_storage_that_the_feeds_of_its_manager_use(self) -> None:
        described = settings()
        shared = described["storages"]["default"]
        described["storages"] = {"hot": shared, "cold": shared, "unused": shared}
        described["feeds"] = {name: {"timeline": "hot", "activities": "cold"} for name in ("home", "own_home")}
        with Streams(described) as streams:
            assert said(diagnose(streams)) == []
            canary = streams.manager("streamfw.canary:home")
            assert isinstance(canary, Canary)
            assert [*canary.feed_classes] == ["hot", "cold"]


def canary_feeds(streams: Streams) -> Iterator[Feed]:
    canary = streams.manager("streamfw.canary:home")
    for feed_class in canary.feed_classes.values():
        for owner in (OWN, *FanoutPriority):
            yield feed_class(str(owner), streams=streams)


def test_what_it_is_given_stays_open_and_what_it_makes_does_not() -> None:
    with Streams(settings()) as streams:
        [*diagnose(streams)]
        HomeFeed(1, streams=streams).add(Activity(1, Add, 2))
        assert len(HomeFeed(1, streams=streams)[:5]) == 1


def test_a_manager_that_is_not_listed_is_a_failure_only_where_workers_look_for_it() -> None:
    described = settings()
    del described["managers"]
    assert any("workers find managers by that list alone" in one for one in said(diagnose(described)))
    described["task_queue"] = "inline"
    findings = [*diagnose(described)]
    assert said(findings) == []
    assert "managers, feeds: the settings list none, so no feed was looked at" in said(findings, Level.WARNING)


class TestClocks:
    @staticmethod
    def now(*times: float) -> Callable[[], float]:
        return iter(times).__next__

    @pytest.mark.parametrize(
        ("theirs", "before", "after", "level"),
        [
            (100.0, 100.0, 100.0, Level.OK),
            (101.0, 100.0, 100.0, Level.OK),
            (101.1, 100.0, 100.0, Level.FAILURE),
            (98.9, 100.0, 100.0, Level.FAILURE),
            # An answer that took ten seconds may have been true at any moment of them.
            (100.0, 100.0, 110.0, Level.OK),
            (110.0, 100.0, 110.0, Level.OK),
            (111.5, 100.0, 110.0, Level.FAILURE),
        ],
    )
    def test_they_may_differ_by_a_second(self, theirs: float, before: float, after: float, level: Level) -> None:
        finding = compare_clocks("here", lambda: theirs, self.now(before, after))
        assert (finding.level, finding.where, finding.what) == (level, "here", "clock")

    def test_a_difference_is_told_with_its_direction(self) -> None:
        ahead = compare_clocks("here", lambda: 107.0, self.now(100.0, 100.0))
        behind = compare_clocks("here", lambda: 97.5, self.now(100.0, 100.0))
        assert "its clock is 7.0 s ahead of this machine's" in ahead.message
        assert "its clock is 2.5 s behind this machine's" in behind.message
        assert "timedatectl" in ahead.hint
