"""Run a contract without a pytest session: what verifies declared deviations, and what tests the kit itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, Literal

import pytest
from attrs import frozen

from streamfw_core.testing.contract import Contract, DeviationError
from streamfw_core.testing.promises import PromiseBroken, promises_of

__all__ = ["Result", "run_contract"]


@frozen
class Result:
    """How one test ended.

    :param test: its name, with its parameters in brackets.
    :param outcome: failed as declared is `"xfailed"`.
    :param error: why it failed (also where that was expected), or was skipped.
    """

    test: str
    outcome: Literal["passed", "failed", "xfailed", "skipped"]
    error: BaseException | None = None

    @property
    def promises_broken(self) -> tuple[str, ...]:
        """Such as `("C9",)`; empty where it passed, or failed otherwise."""
        return self.error.promises if isinstance(self.error, PromiseBroken) else ()


def run_contract(
    contract: type[Contract],
    *,
    promise: str | None = None,
    test: str | None = None,
    properties: bool = True,
) -> list[Result]:
    """Run the tests of a contract class.

    :param promise: only those that prove it.
    :param test: only the one of this name.
    :param properties: whether to run property tests too, which take most of the time.
    """
    return [
        _run(contract, name, function, parameters)
        for name, function in contract.contract_tests.items()
        if (test is None or name == test)
        and (promise is None or promise in (promises_of(function) or ()))
        and (promises_of(function) or test is not None)
        and (properties or not getattr(function, "is_hypothesis_test", False))
        for parameters in _parameters(function)
    ]


def _run(contract: type[Contract], name: str, test: Callable[..., None], parameters: Mapping[str, Any]) -> Result:
    title = f"{name}[{'-'.join(map(str, parameters.values()))}]" if parameters else name
    case = contract()
    try:
        case.begin()
        try:
            test(case, **parameters)
        finally:
            case.end()
    except pytest.skip.Exception as skipped:
        return Result(title, "skipped", skipped)
    except pytest.xfail.Exception as expected:
        return Result(title, "xfailed", expected.__cause__)
    except (PromiseBroken, DeviationError) as broken:
        return Result(title, "failed", broken)
    return Result(title, "passed")


def _parameters(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """Each combination of what `pytest.mark.parametrize` gives (plain values, one name each)."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    names = [mark.args[0] for mark in marks]
    for values in product(*(mark.args[1] for mark in marks)):
        yield dict(zip(names, values, strict=True))
