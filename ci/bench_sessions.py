# SPDX-License-Identifier: MIT
"""bench_sessions.py MILTERDRILL BARE: plain sessions a second, against one minimal libmilter filter
on TCP loopback: milterdrill, a bare C loop that writes the same bytes, and miltertest if it is there.

Rounds alternate, so that what else the machine does meets all; printed are medians. Exit 1 when
milterdrill stays under GOAL of the bare loop.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tests")]

from fakes import Fake, milter  # noqa: E402
from peers.base import find_program  # noqa: E402
from peers.libmilter import Libmilter  # noqa: E402

GOAL = 0.8
ROUNDS = 5
SESSIONS = 3000
SLOW_SESSIONS = 20  # miltertest waits for a delayed ACK (40 ms) after every macro frame
SCENARIO = 'drill 1 "a plain session" tests=milter\nmta stalwart\n...\n'


class Tap:
    """A socket that keeps what was read from it."""

    def __init__(self, connection, data):
        self.connection = connection
        self.data = data

    def recv(self, size):
        piece = self.connection.recv(size)
        self.data += piece
        return piece

    def sendall(self, data):
        self.connection.sendall(data)


def session_bytes(drill, scenario):
    """All that milterdrill sends in one such session."""
    data = bytearray()
    with Fake(lambda connection: milter(Tap(connection, data))) as fake:
        subprocess.run([drill, "run", "--milter", fake.address, scenario], check=True,
                       stdout=subprocess.DEVNULL)
    return bytes(data)


def seconds(words):
    began = time.monotonic()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def contestants(drill, bare, peer, folder):
    """name: (sessions, command)"""
    scenario, recorded = os.path.join(folder, "plain.drill"), os.path.join(folder, "session.bin")
    with open(scenario, "w", encoding="utf-8") as out:
        out.write(SCENARIO)
    with open(recorded, "wb") as out:
        out.write(session_bytes(drill, scenario))
    found = {"bare C loop": (SESSIONS, [bare, str(peer.port), recorded, str(SESSIONS)]),
             "milterdrill run": (SESSIONS, [drill, "run", "--milter", peer.address, "--repeat",
                                            str(SESSIONS), scenario])}
    if find_program("miltertest"):
        found["miltertest"] = (SLOW_SESSIONS, [
            "miltertest", "-D", f"address={peer.address}", "-D", f"sessions={SLOW_SESSIONS}",
            "-s", os.path.join(HERE, "bench_sessions.lua")])
    return found


def measure(found):
    """name: median of sessions a second."""
    rates = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, (sessions, words) in found.items():
            rates[name].append(sessions / seconds(words))
    return {name: statistics.median(values) for name, values in rates.items()}


def main(argv):
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with Libmilter() as peer, tempfile.TemporaryDirectory(prefix="milterdrill-bench-") as folder:
        rates = measure(contestants(*argv, peer, folder))
    for name, rate in rates.items():
        print(f"{name:16} {rate:8.0f} sessions/s  {rate / rates['bare C loop']:6.3f} of bare")
    ratio = rates["milterdrill run"] / rates["bare C loop"]
    print(f"goal: at least {GOAL} of bare: {'held' if ratio >= GOAL else 'MISSED'} ({ratio:.2f})")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
