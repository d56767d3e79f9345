"""What importing costs, over an interpreter that does nothing.

    python benchmarks/import_time.py [--runs N] [--json OUT]

Prints milliseconds: the median over `--runs` interpreters, each statement in turn.
`import streamfw_core` imports what it exports when that is first used;
the second line is what a program pays that uses all of it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from measure import Figure, Table, parser, write_json

STATEMENTS = {
    "pass": "pass",
    "import streamfw_core": "import streamfw_core",
    "from streamfw_core import Activity, Feed, Manager": "from streamfw_core import Activity, Feed, Manager",
    "... and make Streams, add and read an activity": (
        "from streamfw_core import Activity, Feed, Love; feed = Feed(1); feed.add(Activity(1, Love, 2)); feed[:1]"
    ),
}
FOREIGN = ("cassandra", "celery", "click", "django", "flask", "hypothesis", "pytest", "redis", "rich", "statsd")


def milliseconds(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    options = parser(__doc__ or "", runs=20).parse_args()
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for run in range(-1, options.runs):
        for name, statement in STATEMENTS.items():
            elapsed = milliseconds(statement)
            if run >= 0:
                times[name].append(elapsed)
    base = statistics.median(times["pass"])
    for name, found in times.items():
        print(f"{name:<52} {statistics.median(found):7.1f} ms   {statistics.median(found) - base:+7.1f} ms")
    check = f"import streamfw_core, sys; print(sorted(set({FOREIGN!r}) & set(sys.modules)))"
    print(
        "foreign modules after `import streamfw_core`:",
        subprocess.check_output([sys.executable, "-c", check], text=True).strip(),
    )
    figures = [Figure(name, [round(value, 1) for value in found]) for name, found in times.items()]
    write_json(options.json, [Table("import", "milliseconds", figures)])


if __name__ == "__main__":
    main()
