"""The command line, and the files that are given to `replay`."""

from __future__ import annotations

from tests.acceptance.errors.rows import Row
from tests.acceptance.errors.world import CommandRefused

ROWS = [
    Row(
        "a misspelt command",
        "streamfw('dmeo')",
        CommandRefused,
        "error: there is no command 'dmeo'; did you mean 'demo'?\n  See: streamfw --help",
    ),
    Row(
        "no files",
        "streamfw('replay')",
        CommandRefused,
        "error: missing option '--graph'.\n  See: streamfw replay --help",
    ),
    Row(
        "settings that there are not",
        "streamfw('settings --settings no_such_module:STREAMFW')",
        CommandRefused,
        "error: 1 problem in the settings:\n"
        "    - settings: the module 'no_such_module' cannot be imported: ModuleNotFoundError: No "
        "module named 'no_such_module' (`python -c 'import no_such_module'` shows more; is its "
        "folder on sys.path?)",
    ),
    Row(
        "an events file that there is not",
        "streamfw('replay --graph graph --events nothing')",
        CommandRefused,
        "error: nothing: there is no such file",
    ),
    Row(
        "a folder as file",
        "streamfw('replay --graph . --events log')",
        CommandRefused,
        "error: .: it is a folder: name the file in it",
    ),
    Row(
        "an empty file",
        "streamfw('replay --graph graph --events empty')",
        CommandRefused,
        "error: empty: it is empty",
    ),
    Row(
        "a truncated gzip",
        "streamfw('replay --graph graph --events truncated.gz')",
        CommandRefused,
        "error: truncated.gz, line 2001: its compressed data ends too early: is the download complete? `gzip -t` tells",
    ),
    Row(
        "a damaged gzip",
        "streamfw('replay --graph graph --events damaged.gz')",
        CommandRefused,
        "error: damaged.gz, line 1: its compressed data is damaged (Error -3 while decompressing "
        "data: incorrect data check); `gzip -t` tells",
    ),
    Row(
        "a zip archive",
        "streamfw('replay --graph graph --events log.zip')",
        CommandRefused,
        "error: log.zip: it is a zip archive: unpack it first; plain text and gzip are understood",
    ),
    Row(
        "a line with a column too few",
        "streamfw('replay --graph graph --events short')",
        CommandRefused,
        "error: short, line 2: 3 columns, 4 expected: 'actor object timestamp verb', such as '223789 "
        "213163 1341100972 MT'; got '223789 213163 1341100972'",
    ),
    Row(
        "a verb that there is not",
        "streamfw('replay --graph graph --events likes')",
        CommandRefused,
        "error: likes, line 1: the verb 'LIKE' is not known: it is one of RT, MT, RE",
    ),
    Row(
        "a time in milliseconds",
        "streamfw('replay --graph graph --events milliseconds')",
        CommandRefused,
        "error: milliseconds, line 1: the timestamp is too large: '1341100972000'; seconds since "
        "1970 are expected, not milliseconds",
    ),
    Row(
        "the two files exchanged",
        "streamfw('replay --graph log --events graph')",
        CommandRefused,
        "error: graph, line 1: 3 columns, 4 expected: 'actor object timestamp verb', such as '223789 "
        "213163 1341100972 MT'; got '298960 223789 1'",
    ),
    Row(
        "the output over the input",
        "streamfw('replay --graph graph --events log --json ./log')",
        CommandRefused,
        "error: invalid value for '--json': log is named by another option too: it would be "
        "overwritten\n"
        "  See: streamfw replay --help",
    ),
    Row(
        "a picture of no format",
        "streamfw('replay --graph graph --events log --plot out.gif')",
        CommandRefused,
        "error: invalid value for '--plot': 'out.gif' must end in one of .pdf, .png, .svg\n"
        "  See: streamfw replay --help",
    ),
    Row(
        "a storage that is not installed",
        "streamfw('replay --graph graph --events log --storage redis://ada:secret@host/0 --json out.json')",
        CommandRefused,
        "error: No installed plugin offers a storage backend for URLs that start with 'redis://'.\n"
        '    Install it: pip install "streamfw[redis]"\n'
        "    Available: memory.\n"
        "    `streamfw plugins` shows what is installed.",
    ),
    Row(
        "a misspelt queue",
        "streamfw('demo --queue thread')",
        CommandRefused,
        "error: No installed plugin offers a task queue backend named 'thread'.\n"
        "    Did you mean 'threads'?\n"
        "    Available: inline, threads.\n"
        "    `streamfw plugins` shows what is installed.",
    ),
]
