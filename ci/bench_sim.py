# SPDX-License-Identifier: MIT
"""bench_sim.py MILTERDRILL: what the simulator does on one core. Plain sessions a second; the whole
catalogue, simulated; and each of its connections lost at every byte.

Judged is processor time, which other work of the machine stretches less than the clock. Exit 1 when
a goal is missed.
"""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tests")]

from bench_sessions import SCENARIO  # noqa: E402

ROUNDS = 3
SESSIONS = 50000
RATE = 50000
CATALOGUE_SECONDS = 2
CUTS_SECONDS = 60


def processor_seconds(words):
    """Of user and system; what it prints, and whether the scenarios passed, is not the question."""
    null = os.open(os.devnull, os.O_WRONLY)
    pid = os.posix_spawnp(words[0], words, os.environ,
                          file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (1, 2)])
    os.close(null)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise RuntimeError(f"{' '.join(words)}: status {status}")
    return usage.ru_utime + usage.ru_stime


def least(rounds, words):
    return min(processor_seconds(words) for _ in range(rounds))


def told(what, figure, goal, held):
    print(f"{what:30} {figure:>18}  goal: {goal}, {'held' if held else 'MISSED'}", flush=True)
    return held


def main(argv):
    if len(argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    run = [argv[0], "run", "--sim"]
    scenarios = os.path.join(os.path.dirname(HERE), "scenarios")
    with tempfile.TemporaryDirectory(prefix="milterdrill-bench-") as folder:
        plain = os.path.join(folder, "plain.drill")
        with open(plain, "w", encoding="utf-8") as out:
            out.write(SCENARIO)
        rate = SESSIONS / least(ROUNDS, [*run, "--repeat", str(SESSIONS), plain])
    held = told("plain sessions", f"{rate:.0f}/s", f"at least {RATE}/s", rate >= RATE)
    took = least(ROUNDS, [*run, scenarios])
    held &= told("the catalogue", f"{took:.2f} s", f"under {CATALOGUE_SECONDS} s",
                 took < CATALOGUE_SECONDS)
    took = least(1, [*run, "--cut-everywhere", scenarios])
    held &= told("the same, cut at every byte", f"{took:.1f} s", f"under {CUTS_SECONDS} s",
                 took < CUTS_SECONDS)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
