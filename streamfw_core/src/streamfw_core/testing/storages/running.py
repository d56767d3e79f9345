"""Threads, processes, forks, closing, and what is not declared."""

from __future__ import annotations

import multiprocessing
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from typing import cast

import pytest
from attrs import evolve

from streamfw_core.errors import Unsupported
from streamfw_core.keys import KeyFormat
from streamfw_core.storage.protocol import Query, Record, Removal, SchemaStorage, Scope, Storage, Write
from streamfw_core.testing.promises import check, promise, same
from streamfw_core.testing.storages.case import MILLISECOND, StorageCase, tied

__all__ = ["PROCESSES", "THREADS", "RunningContract", "in_processes", "none_failed", "only_if_shared", "refused"]

THREADS = 8
PROCESSES = 8


class RunningContract(StorageCase):
    """What a storage bears, and what it refuses."""

    @promise("C8")
    def test_threads_lose_nothing(self) -> None:
        spec, namespace, ids = self.spec(keep=1000), self.namespace(), tied(THREADS * 30)
        start = threading.Barrier(THREADS)

        def work(number: int) -> None:
            start.wait()
            for id in ids[number::THREADS]:
                self.write(spec, Write(["all", f"own-{number}"], puts=[self.entry(id)]))
                self.storage.store(namespace, [Record(id, self.stamp(1), b"x")])
                self.ids(spec, Query("all", 0, 5))

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
        same(self.ids(spec, "all"), ids[::-1], "C8", f"one feed written by {THREADS} threads")
        for number in range(THREADS):
            same(self.ids(spec, f"own-{number}"), ids[number::THREADS][::-1], "C8", "a feed of one of the threads")
        check(all(self.storage.load(namespace, ids)), "C8", "records stored by several threads are missing")

    @promise("C6")
    def test_threads_that_add_the_same_count_it_once(self) -> None:
        spec, ids = self.spec(), tied(40)
        start = threading.Barrier(THREADS)

        def work(_: int) -> int | None:
            start.wait()
            counts = [self.put(spec, "a", [id]).added for id in ids]
            return None if None in counts else sum(count or 0 for count in counts)

        with ThreadPoolExecutor(THREADS) as pool:
            counts = [*pool.map(work, range(THREADS))]
        same(self.ids(spec, "a"), ids[::-1], "C6", f"a feed to which {THREADS} threads added the same")
        if self.storage.capabilities.add_counts:
            same(
                sum(count or 0 for count in counts),
                len(ids),
                "C6",
                f"counts of {THREADS} threads that added the same, summed up",
            )

    @promise("C8")
    def test_processes_lose_nothing(self) -> None:
        only_if_shared(self.storage)
        spec, ids = self.spec(keep=1000), tied(PROCESSES * 20)

        def work(number: int) -> None:
            storage = self.make_storage("default")
            for id in ids[number::PROCESSES]:
                storage.write(spec, [Write(["all"], puts=[self.entry(id)])])
            storage.close()

        none_failed(in_processes(work, PROCESSES), "C8", "processes that write")
        same(self.ids(spec, "all"), ids[::-1], "C8", f"one feed written by {PROCESSES} processes")

    @promise("C27")
    def test_a_storage_works_on_both_sides_of_a_fork(self) -> None:
        only_if_shared(self.storage)
        spec, ids = self.spec(), tied(PROCESSES + 2)
        self.put(spec, "a", ids[:1])
        storage: Storage = self.storage

        def work(number: int) -> None:
            for _ in range(20):
                storage.write(spec, [Write(["a"], puts=[self.entry(ids[number + 1])])])
                check(ids[0] in self.ids(spec, "a"), "C27", "a child reads something else than its parent wrote")

        def meanwhile() -> None:
            for _ in range(20):
                self.put(spec, "a", ids[-1:])
                check(
                    ids[0] in self.ids(spec, "a"),
                    "C27",
                    "the parent reads something else while its children use the storage",
                )

        failures = in_processes(work, PROCESSES, meanwhile)
        none_failed(failures, "C27", "children that use a storage opened before the fork")
        same(self.ids(spec, "a"), ids[::-1], "C27", "a feed written by a parent and its children")

    @promise("C27")
    def test_a_closed_storage_works_again(self) -> None:
        spec, ids = self.spec(), tied(2)
        self.put(spec, "a", ids[:1])
        self.storage.close()
        self.storage.close()
        self.put(spec, "a", ids[1:])
        check(ids[1] in self.ids(spec, "a"), "C27", "a storage that was closed does not work when it is used again")
        if self.storage.capabilities.scope is Scope.SHARED:
            same(self.ids(spec, "a"), ids[::-1], "C27", "a feed of a shared storage after it was closed")

    @promise("C11")
    def test_preparing_again_keeps_what_is_there(self) -> None:
        spec, other = self.spec(), self.spec()
        self.put(spec, "a", [MILLISECOND])
        for _ in range(2):
            self.storage.prepare([spec, other])
        same(self.ids(spec, "a"), [MILLISECOND], "C11", "a feed after prepare() was called again")

    @promise("C11")
    def test_a_schema_that_was_made_is_not_missing(self) -> None:
        if not self.storage.capabilities.schema:
            pytest.skip("there is no schema (the capability schema is not declared)")
        planning = cast("SchemaStorage", self.storage)
        spec, other = self.spec(), self.spec()
        same(planning.plan_schema([spec, other]), [], "C11", "what is missing for feeds that were prepared")
        absent = evolve(spec, name="absent", key_format=KeyFormat(f"x{spec.namespace}"))
        steps = planning.plan_schema([spec, absent])
        check(steps, "C11", "nothing is missing for a feed class that was never prepared, though there is a schema")
        check(all(isinstance(step, str) and step for step in steps), "C11", f"steps that are no texts: {steps}")
        same(planning.plan_schema([spec, absent]), steps, "C11", "what is missing after it was asked before")

    @promise("C8")
    def test_a_storage_says_who_it_is(self) -> None:
        storage = self.open("named")
        same(storage.name, "named", "C8", "the name of a storage made with a name")
        check(isinstance(storage, Storage), "C8", f"{type(storage).__name__} lacks methods of the protocol Storage")
        check(
            storage.tombstone_ttl > 0, "C9", f"tombstone_ttl is {storage.tombstone_ttl}: removals are never remembered"
        )

    @promise("C8")
    def test_grouped_feeds_are_refused_unless_declared(self) -> None:
        if self.storage.capabilities.exact_members:
            pytest.skip("grouped feeds are declared (exact_members)")
        for kind in ("aggregated", "notification"):
            spec = evolve(self.spec(), kind=kind)
            entry = self.entry(MILLISECOND)._replace(group="love:1", actor="7")

            def write(spec: object = spec, entry: object = entry) -> None:
                self.storage.prepare([spec])  # type: ignore[list-item]
                self.storage.write(spec, [Write(["a"], puts=[entry])])  # type: ignore[arg-type,list-item]

            refused(write, f"a feed of kind {kind!r}, though exact_members is 0")

    @promise("C8")
    def test_swap_is_refused_unless_declared(self) -> None:
        swap = getattr(self.storage, "swap", None)
        if self.storage.capabilities.cas:
            check(callable(swap), "C8", "the capability cas is declared, but there is no swap()")
        elif swap is not None:
            spec = self.spec()
            refused(lambda: swap(spec, "a", None, []), "swap(), though cas is not declared")

    @promise("C7")
    def test_the_largest_declared_timeline_is_borne(self) -> None:
        limit = self.storage.capabilities.max_timeline
        if limit is None:
            pytest.skip("no limit is declared (max_timeline)")
        spec, ids = self.spec(keep=limit), tied(min(limit + 5, 3000))
        self.put(spec, "a", ids)
        same(self.ids(spec, "a"), ids[::-1][:limit], "C7", f"a feed of the largest declared size, {limit}")

    @promise("C8")
    def test_nothing_given_is_changed(self) -> None:
        spec, ids, namespace = self.spec(inline=True), tied(3), self.namespace()
        owners, puts, removes = (
            ["b", "a"],
            [self.entry(id, 1, b"x") for id in ids[::-1]],
            [Removal(ids[0], self.stamp(2))],
        )
        records = [Record(id, self.stamp(1), b"x") for id in ids[::-1]]
        before = ([*owners], [*puts], [*removes], [*records])
        self.write(spec, Write(owners, puts, removes, puts))
        self.storage.store(namespace, records)
        asked = ids[::-1]
        self.storage.load(namespace, asked)
        self.storage.locate(spec, Query("a"), asked)
        same((owners, puts, removes, records), before, "C8", "lists that were handed to the storage")
        same(asked, ids[::-1], "C8", "ids that were asked for")


def only_if_shared(storage: Storage) -> None:
    """Skip a test that needs other processes where they would see nothing."""
    if storage.capabilities.scope is not Scope.SHARED:
        pytest.skip("the scope is this process: nothing is shared with others")
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this platform has no fork")


def refused(call: Callable[[], object], words: str) -> None:
    """See that a call raises `Unsupported`."""
    try:
        call()
    except Unsupported:
        return
    check(False, "C8", f"{words}: it must raise Unsupported, and was accepted silently")


def in_processes(work: Callable[[int], None], number: int, meanwhile: Callable[[], None] | None = None) -> list[str]:
    """Run in forked processes; what went wrong in those that failed, the first error first.

    Of that one alone the traceback is printed: those of eight at once nobody can read.
    """
    context = multiprocessing.get_context("fork")
    errors, lock = context.SimpleQueue(), context.Lock()

    def child(index: int) -> None:
        try:
            work(index)
        except Exception as error:  # noqa: BLE001 - told to the parent
            with lock:
                if errors.empty():
                    traceback.print_exc()
                errors.put((index, repr(error)[:1000]))
            sys.exit(1)

    processes = [context.Process(target=child, args=(index,)) for index in range(number)]
    with warnings.catch_warnings():
        # Forking beside threads is what web servers do, and what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        for process in processes:
            process.start()
    try:
        if meanwhile is not None:
            meanwhile()
    finally:
        codes = [_exit_code(process) for process in processes]
    failures: dict[int, str] = {}
    while not errors.empty():
        index, said = errors.get()
        failures[index] = said
    codes_only = [f"exit code {code}" for index, code in enumerate(codes) if code and index not in failures]
    return [*failures.values(), *codes_only]


def _exit_code(process: BaseProcess) -> int | None:
    """Of a process that has ended, or is killed after a minute."""
    process.join(60)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode


def none_failed(failures: Sequence[str], name: str, words: str) -> None:
    """Raise `PromiseBroken` with the first of the failures that `in_processes` returned."""
    if failures:
        check(False, name, f"{len(failures)} of {PROCESSES} {words} failed, the first with {failures[0]}")
