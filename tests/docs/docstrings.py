"""How the examples in docstrings are executed: each by itself, with what its reader takes for granted.

An example knows the names of its module, all of `streamfw_core`, and those of `assumed`, which stand for a program's own.
Comments are checked as on pages (`# -> 3`), and `await` may stand anywhere.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Mapping
from doctest import ELLIPSIS, OutputChecker
from importlib import import_module
from types import SimpleNamespace
from typing import Any, ClassVar

import attrs
from fastapi import FastAPI

import streamfw_core
from streamfw_core import Activity, AggregatedFeed, Feed, Love, Manager, Streams, UserBaseFeed
from tests.docs.blocks import Block

__all__ = ["assumed", "run"]

_VALUE = re.compile(r"#\s*->\s*(.*?)\s*\Z")


class PinFeed(Feed):
    """A feed of a program."""

    key_format = "feed:pins:%(user_id)s"


class HomeFeed(AggregatedFeed):
    """Another one."""


class UserPinFeed(UserBaseFeed):
    """And the one of what a person did."""


class PinManager(Manager):
    """A manager of a program."""

    feed_classes: ClassVar[dict[str, type[Feed]]] = {"normal": PinFeed}
    user_feed_class = UserPinFeed

    def get_user_follower_ids(self, user_id: object) -> dict[Any, Any]:
        return {}


def assumed(streams: Streams) -> dict[str, Any]:
    """Names that examples take for granted."""
    return {
        "PinFeed": PinFeed,
        "HomeFeed": HomeFeed,
        "UserPinFeed": UserPinFeed,
        "activity": Activity("ada", Love, 42),
        "feed": PinFeed(13, streams=streams),
        "manager": PinManager(streams=streams),
        "settings": {"feeds": {"pin": {"max_length": 500}}},
        "SETTINGS": {},
        "FastAPI": FastAPI,
        "attrs": attrs,
        "current_user_id": lambda: 13,
        "request": SimpleNamespace(headers={"X-Request-Id": "req-7"}, GET={}),
        "app": SimpleNamespace(conf=SimpleNamespace(), get=lambda path: lambda function: function),
        **{name: getattr(streamfw_core, name) for name in streamfw_core.__all__},
    }


def run(block: Block, names: Mapping[str, Any]) -> None:
    """Execute an example.

    :param names: what it takes for granted, beside its module's names.
    :raises AssertionError: a value is another than its comment says.
    """
    code = ast.parse(block.code)
    lines = block.code.splitlines()
    namespace = {**vars(_module_of(block.where)), **names, "__name__": "example"}
    for node in code.body:
        assert node.end_lineno is not None
        expected = _VALUE.search(lines[node.end_lineno - 1])
        assert "# raises" not in lines[node.end_lineno - 1], f"{block.where}: examples in docstrings raise nothing"
        if expected is None:
            _execute(ast.Module([node], []), "exec", namespace)
            continue
        assert isinstance(node, ast.Expr), f"{block.where} says {expected[1]} of what has no value"
        got = repr(_execute(ast.Expression(node.value), "eval", namespace))
        assert OutputChecker().check_output(f"{expected[1]}\n", f"{got}\n", ELLIPSIS), (
            f"{block.where} says {expected[1]}, and it is {got}"
        )


def _execute(tree: ast.Module | ast.Expression, mode: str, namespace: dict[str, Any]) -> object:
    code = compile(tree, "<docstring>", mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    value = eval(code, namespace)
    return asyncio.run(value) if inspect.iscoroutine(value) else value


def _module_of(where: str) -> Any:
    """The module that a docstring is in: the longest path that can be imported."""
    parts = where.split(".")
    for length in range(len(parts), 0, -1):
        try:
            return import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
    raise AssertionError(f"{where} is in no module")
