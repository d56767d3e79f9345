"""Errors of the driver and answers of servers, as every version spells them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import exceptions
from redis._parsers import base
from streamfw_redis.failures import at, code_of, failed, may_pass, redirect_of, where_of

parse_error: Callable[[str], Exception] = base.BaseParser.parse_error
"""What this version of the driver makes of an answer."""

ANSWERS = {
    "NOAUTH Authentication required.": "NOAUTH",
    "WRONGPASS invalid username-password pair or user is disabled.": "WRONGPASS",
    "NOPERM this user has no permissions to run the 'get' command": "NOPERM",
    "OOM command not allowed when used memory > 'maxmemory'.": "OOM",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.": "MISCONF",
    "WRONGTYPE Operation against a key holding the wrong kind of value": "WRONGTYPE",
    "READONLY You can't write against a read only replica.": "READONLY",
    "LOADING Redis is loading the dataset in memory": "LOADING",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": "MASTERDOWN",
    "CLUSTERDOWN Hash slot not served": "CLUSTERDOWN",
    "CROSSSLOT Keys in request don't hash to the same slot": "CROSSSLOT",
    "MOVED 3999 127.0.0.1:6381": "MOVED",
    "ASK 3999 127.0.0.1:6381": "ASK",
    "TRYAGAIN Multiple keys request during rehashing of slot": "TRYAGAIN",
    "NOSCRIPT No matching script. Please use EVAL.": "NOSCRIPT",
    "NOREPLICAS Not enough good replicas to write.": "NOREPLICAS",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.": "BUSY",
    "ERR Error running script (call to f_0): @user_script:3: @user_script: 3: -READONLY You can't write": "READONLY",
    "ERR Error running script (call to f_0): @user_script:3: WRONGTYPE Operation against a key": "WRONGTYPE",
    "OOM command not allowed when used memory > 'maxmemory'. script: 0, on @user_script:3.": "OOM",
    "ERR unknown command 'EVALSHA'": "",
}
PASSES = {
    *("LOADING", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "MOVED", "ASK", "BUSY", "NOREPLICAS", "NOSCRIPT")
}


@pytest.mark.parametrize(("answer", "code"), ANSWERS.items())
def test_an_answer_keeps_its_word_whatever_the_driver_makes_of_it(answer: str, code: str) -> None:
    error = parse_error(answer)
    assert code_of(error) == code_of(exceptions.ResponseError(answer.removeprefix("ERR "))) == code
    assert may_pass(error) == (code in PASSES)
    words = str(failed(error, "feeds", "h:1", "feed 'x'"))
    assert words.startswith("storage 'feeds' (Redis at h:1) failed in feed 'x': ")
    assert code in words


@pytest.mark.parametrize(
    ("error", "passes", "hint"),
    [
        (exceptions.ConnectionError("Connection closed by server."), True, "is it running"),
        (exceptions.TimeoutError("Timeout reading from socket"), True, "within `timeout`"),
        (OSError("broken"), True, "is it running"),
        (exceptions.AuthenticationError("Authentication required."), False, "it wants a password"),
        (exceptions.AuthenticationError("invalid username-password pair"), False, "it refuses the user name"),
        (exceptions.InvalidResponse("Protocol error, got 'H'"), False, "is no Redis"),
        (exceptions.DataError("of a type"), False, ""),
        (exceptions.ResponseError("This instance has cluster support disabled"), False, "not in cluster mode"),
    ],
)
def test_what_no_server_said_is_told_apart(error: Exception, passes: bool, hint: str) -> None:
    assert may_pass(error) == passes
    made = failed(error, "feeds", "h:1", "feed 'x'")
    assert hint in str(made)
    assert made.__cause__ is error
    assert made.storage == "feeds"


def test_an_error_says_which_node_it_is_from() -> None:
    error = at("n:7", exceptions.ResponseError("OOM command not allowed"))
    assert where_of(error) == "n:7"
    assert "(Redis at n:7)" in str(failed(error, "feeds", "cluster of h:1", "feed 'x'"))


@pytest.mark.parametrize("answer", ["MOVED 12 a:7", "ASK 12 a:7"])
def test_a_redirection_names_a_slot_and_a_node(answer: str) -> None:
    assert redirect_of(parse_error(answer)) == (12, "a", 7)


def test_a_redirection_without_a_host_is_to_another_port_of_the_same() -> None:
    assert redirect_of(at("n:1", exceptions.ResponseError("MOVED 12 :7"))) == (12, "n", 7)
    assert redirect_of(exceptions.ResponseError("MOVED 12 ::1:7")) == (12, "::1", 7)
