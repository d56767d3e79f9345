"""Fan out while everything fails, and compare every feed with what it must show.

```
python -m tests.faults --broker rabbitmq --queue celery --seed 1
```

Workers, the publisher and the remover are killed with -9 every few seconds; the broker is restarted twice, once as by a
power failure, the storage once; one message in twenty is sent twice, one in twenty again when all is over;
one activity in twenty is removed as soon as it is published.
Exits with 1 when any feed shows something else than it must.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.faults.running import Plan, run

SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--broker", choices=["rabbitmq", "redis"], default="rabbitmq")
    parser.add_argument("--queue", choices=["celery", "kombu"], default="celery")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--activities", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--followers", type=int, default=110, help="of a user at most; half as many in the mean")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills, in the mean")
    parser.add_argument("--outbox", action="store_true", help="publish through the outbox")
    parser.add_argument("--patience", type=float, default=1800.0, help="seconds for publishing, and for what follows")
    given = parser.parse_args()
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {text}", flush=True)

    plan = Plan(say=say, **vars(given))
    say(f"{plan}")
    result = run(plan)
    faults = ", ".join(f"{name} {count}" for name, count in sorted(result.faults.items()))
    say(f"faults: {faults}")
    say(
        f"{result.published} published, {result.removed} removed, {result.deliveries} deliveries in {result.seconds:.0f} s,"
        f" {result.copies} messages sent again at the end, {result.dead_letters} dead letters tried again"
    )
    for line in result.differences[:SHOWN]:
        print(line)
    say(f"{len(result.differences)} feeds differ, of {3 * plan.users}")
    return 1 if result.differences else 0


if __name__ == "__main__":
    sys.exit(main())
