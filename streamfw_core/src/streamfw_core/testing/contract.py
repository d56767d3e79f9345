"""What all contract classes have in common: tests that cannot be replaced, and declared deviations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import pytest

from streamfw_core.testing.promises import PROMISES, PromiseBroken, promise, promises_of

__all__ = ["Contract", "ContractViolated", "DeviationError"]


class ContractViolated(TypeError):
    """A subclass replaces or hides a contract test."""


class DeviationError(AssertionError):
    """A deviation that is not declared properly, or that is none."""


class Contract:
    """A set of tests that a backend has to pass. Subclass one of its subclasses and define what they call a hook.

    A test of your own may be added; a contract test may not be replaced.

    `deviations`: what the backend does not keep -> why: a promise (`"C9"`) or one test (by its name).
    """

    deviations: Mapping[str, str] = {}
    contract_tests: ClassVar[Mapping[str, Callable[..., None]]] = {}
    """The tests of the contract, by their names."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherited: dict[str, Callable[..., None]] = {}
        for base in reversed(cls.__mro__[1:]):
            inherited.update(base.__dict__.get("contract_tests", {}))
        own = {name: value for name, value in cls.__dict__.items() if promises_of(value) is not None}
        cls.contract_tests = {**own, **inherited}
        cls.check_complete()

    @classmethod
    def check_complete(cls) -> None:
        """See that no contract test was replaced, by whatever means.

        :raises ContractViolated: one was.
        """
        for name, test in cls.contract_tests.items():
            if getattr(cls, name, None) is not test:
                raise ContractViolated(
                    f"{cls.__module__}.{cls.__qualname__} replaces the contract test {name}: contract tests stay as they are;"
                    f' for what the backend does not keep, declare deviations = {{"{name}": "why"}}'
                    f" or the promise ({', '.join(promises_of(test) or ()) or 'none here'})"
                )

    # --- around each test ---

    @pytest.fixture(autouse=True)
    def contract_lifecycle(self) -> Iterator[None]:
        """Begin before a test, end after it."""
        self.begin()
        yield
        self.end()

    def begin(self) -> None:
        """Prepare for one test; each has an instance of the class to itself."""

    def end(self) -> None:
        """Give back what the test used."""

    # --- deviations ---

    def declared_deviations(self) -> Mapping[str, str]:
        """All deviations: those of the class, and those that the backend itself declares."""
        return self.deviations

    def judge(self, test: str, promises: Sequence[str], error: Exception | None) -> None:
        """What the outcome of a test means: nothing where it is as declared."""
        __tracebackhide__ = True
        if isinstance(error, DeviationError):
            raise error
        declared = self.declared_deviations()
        if error is None:
            if test in declared:
                raise DeviationError(_holds(test, declared[test]))
            return
        if isinstance(error, PromiseBroken):
            broken = error
        else:
            words = test.removeprefix("test_").replace("_", " ")
            broken = PromiseBroken(promises, f"{words}: raised {type(error).__name__}: {error}")
            broken.__cause__ = error
        if test in declared:
            _expected(declared[test], broken)
        if broken.promises and all(name in declared for name in broken.promises):
            _expected(" ".join(declared[name] for name in broken.promises), broken)
        raise broken

    @promise()
    def test_declared_deviations_are_deviations(self) -> None:
        """One that is declared without a reason, or that holds, fails: declarations must not outlive what they excuse."""
        from streamfw_core.testing.runner import run_contract

        for key, reason in self.declared_deviations().items():
            if key not in PROMISES and key not in self.contract_tests:
                raise DeviationError(
                    f"the deviation {key!r} is neither a promise (C1 to C{len(PROMISES)}) nor a test of {type(self).__name__}"
                )
            if not (isinstance(reason, str) and reason.strip()):
                raise DeviationError(f"the deviation {key} has no reason: say why, for those who choose a backend")
            if key in PROMISES:
                results = run_contract(type(self), promise=key)
                if not any(key in result.promises_broken for result in results):
                    raise DeviationError(_holds(key, reason))


def _expected(reason: str, broken: PromiseBroken) -> NoReturn:
    __tracebackhide__ = True
    raise pytest.xfail.Exception(f"declared deviation: {reason}") from broken


def _holds(key: str, reason: str) -> str:
    return f"{key} is declared as a deviation ({reason}), but it holds: remove the declaration"
