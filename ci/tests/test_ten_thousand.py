# SPDX-License-Identifier: MIT
"""10,000 sessions at once over loopback: the MTA in one process, the milter in another.

Each process stays under 150 MiB resident, with one thread; all sessions stand between `body` and
end of body at the same moment (`meet`).
"""

import os
import re
import resource
import subprocess
import time

import pytest

SESSIONS = 10000
FILES = SESSIONS + 64  # what milterdrill asks for
LIMIT_KIB = 150 * 1024
SECONDS = 60
SCENARIO = f"""drill 1 "{SESSIONS} sessions at once, each between its body and the end of it"
mta %s
milter libmilter
concurrently {SESSIONS} {{
  ...
  > body
  meet
  ...
  > bodyeob
  ...
}}
"""
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def start(drill, *args):
    # A soft limit that is too low: milterdrill raises it by itself.
    return subprocess.Popen(["sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", drill.binary, "run",
                             "--timeout", f"{SECONDS}s", *args], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def status(process, field):
    """A number of /proc/PID/status; 0 when the process is over."""
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as lines:
            found = re.search(rf"^{field}:\s*(\d+)", lines.read(), re.MULTILINE)
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


def watch(processes):
    """The most that each process had of (resident KiB, threads) until both were over."""
    most = [[0, 0] for _ in processes]
    end = time.monotonic() + SECONDS
    while any(process.poll() is None for process in processes):
        assert time.monotonic() < end, f"not over after {SECONDS} s"
        for process, seen in zip(processes, most):
            seen[0] = max(seen[0], status(process, "VmHWM"))
            seen[1] = max(seen[1], status(process, "Threads"))
        time.sleep(0.02)
    return most


@pytest.mark.skipif(HARD < FILES, reason=f"the hard limit of open files is {HARD}, not {FILES}")
@pytest.mark.parametrize("mta", ["stalwart", "postfix"])
def test_ten_thousand_sessions(drill, work, mta):
    path = os.path.join(work, "ten-thousand.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(SCENARIO % mta)
    milter = start(drill, "--listen", "inet:0@127.0.0.1", path)
    processes = [milter]
    try:
        address = re.search(r"listening on (\S+)", milter.stderr.readline()).group(1)
        processes.append(start(drill, "--milter", address, path))
        most = watch(processes)
    finally:
        for process in processes:
            process.kill()
    for process, (kib, threads) in zip(processes, most):
        out, err = process.communicate()
        assert process.returncode == 0, f"{process.args}\n{out}\n{err}"
        assert 0 < kib < LIMIT_KIB, f"{kib} KiB resident: {process.args}"
        assert threads == 1, f"{threads} threads: {process.args}"
