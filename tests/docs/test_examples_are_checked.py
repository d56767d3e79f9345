"""What executes the examples notices when a page is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamfw_core.cli.demo import Pin
from streamfw_core.verbs import get_verb_storage, register

from tests.docs.pages import run_examples


def run(tmp_path: Path, text: str) -> int:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return run_examples(page)


def block(code: str) -> str:
    return f"# Title\n\nText.\n\n```python\n{code}\n```\n"


@pytest.mark.parametrize(
    "code",
    [
        "1 + 1  # -> 2",
        "'a' * 3  # -> 'a...'",
        "print('a')  # -> a",
        "int('x')  # raises ValueError: invalid literal ...",
        "class C:\n    pass\n\n\nC.__module__  # -> 'myapp.feeds'",
        "import myapp.feeds\nx = 5\nmyapp.feeds.x  # -> 5",
    ],
)
def test_a_page_that_is_right(tmp_path: Path, code: str) -> None:
    assert run(tmp_path, block(code)) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 + 1  # -> 3", "page.md:6: the page says 3\n  and it is 2"),
        ("x = 1\n\n1 + 1  # -> 3", "page.md:8"),
        ("print('a')  # -> b", "page.md:6: the page says b\n  and it is a"),
        ("1 + 1  # raises ValueError: no", "nothing was raised"),
        ("int('x')  # raises KeyError: no", "ValueError: invalid"),
        ("int('x')  # raises ValueError: something else", "invalid literal"),
        ("x = 1  # -> 1", "only an expression has a value"),
    ],
)
def test_a_page_that_is_wrong(tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words.partition("\n")[0]) as failure:
        run(tmp_path, block(code))
    assert words in str(failure.value)


def test_an_error_is_raised_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as failure:
        run(tmp_path, block("1 / 0"))
    assert failure.traceback[-1].lineno == 5  # counted from 0: line 6 of the page


def test_blocks_share_names_and_a_skipped_one_does_not_run(tmp_path: Path) -> None:
    skipped = '<!-- skip: next "needs a server" -->\n\n```python\nx = 2\n```\n'
    assert run(tmp_path, block("x = 1") + skipped + block("x  # -> 1")) == 2


def test_verbs_of_this_process_and_of_a_page_are_apart(tmp_path: Path) -> None:
    register(Pin)
    before = get_verb_storage()
    registering = "class Pin(Verb):\n    id, infinitive, past_tense = 5, 'pin', 'pinned'\n\n\nregister(Pin)"
    listing = "sorted(get_verb_storage())  # -> [1, 2, 3, 4, 5]"
    assert run(tmp_path, block(f"from streamfw_core.verbs import *\n\n\n{registering}\n{listing}")) == 1
    assert get_verb_storage() == before
