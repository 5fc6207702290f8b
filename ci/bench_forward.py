# SPDX-License-Identifier: MIT
"""bench_forward.py BUILD [--record COMMAND] [--libmilter] [--folder DIR]: the time that forwarders add
to sessions between an MTA and a milter on TCP loopback, at 1, 10 and 100 connections: a bare relay in C,
socat if it is there, net/forward.h alone, and `milterdrill record` with its recording on. The milter is
one that only answers; --libmilter takes a plain libmilter filter.

COMMAND is what records, with {drill}, {listen}, {milter} and {out} in it. Each round measures the
milter alone and through every forwarder; what is shown are lower quartiles. Exit 1 when
`milterdrill record` adds more than GOAL of what the relay adds, or not less than socat.

Recordings go to a folder in memory where there is one, unless DIR is said: for seconds after many files
were removed, as a run of this removes them, ext4 takes a hundred times as long to make one.

What `milterdrill record` puts off costs no session any time, but the machine: the last lines show the
processor time that the relay, the forwarder and each of the recorder's two processes took, for the same
sessions.
"""

import argparse
import contextlib
import os
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tests")]

from bench_sessions import SCENARIO, session_bytes  # noqa: E402
from peers.base import bound_to_us, find_program, free_port, taken  # noqa: E402
from peers.libmilter import Libmilter  # noqa: E402

GOAL = 1.25
RECORD = "{drill} record --listen {listen} --milter {milter} --out {out} --max-bytes 100GiB"
RECORD += " --user root" if os.geteuid() == 0 else ""  # root has to say who it becomes
MESSAGES = 20  # of a long session
CONNECTIONS = (1, 10, 100)
SESSIONS = {"short": 40, "long": 4}  # at least, a round
START_SECONDS = 30


def frames(data):
    at = 0
    while at < len(data):
        size = 4 + struct.unpack_from(">I", data, at)[0]
        yield data[at:at + size]
        at += size


def lengthened(data):
    """The same session with its message MESSAGES times."""
    parts = list(frames(data))
    first = next(i for i, frame in enumerate(parts) if frame[4:6] == b"DM" or frame[4:5] == b"M")
    last = max(i for i, frame in enumerate(parts) if frame[4:5] == b"E")
    return b"".join(parts[:first] + parts[first:last + 1] * MESSAGES + parts[last + 1:])


@contextlib.contextmanager
def running(words, port=None, pids=None):
    """A forwarder, and its port: the one given, or what its first line says. `pids`: a list that its
    process is added to. It leads a group with its leash, which is ended whatever happens here."""
    with subprocess.Popen(bound_to_us(words), stdin=subprocess.PIPE, start_new_session=True,
                          stdout=subprocess.DEVNULL if port else subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        try:
            if not port:
                port = int(process.stdout.readline())
            limit = time.monotonic() + START_SECONDS
            while not taken(port):
                if process.poll() is not None or time.monotonic() > limit:
                    raise RuntimeError(f"{words[0]} does not listen on port {port}")
                time.sleep(0.01)
            if pids is not None:
                pids += descendants(process.pid)
            yield port
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # the recorder completes its files
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(START_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def descendants(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = [int(word) for word in file.read().split()]
    return children + [below for child in children for below in descendants(child)]


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def has_record(drill):
    return subprocess.run([drill, "record", "--help"], check=False, capture_output=True
                          ).returncode == 0


def contestants(stack, args, folder):
    """name: port, and name: process ids."""
    if args.libmilter:
        port = stack.enter_context(Libmilter()).port
    else:
        port = stack.enter_context(running([os.path.join(args.build, "bench_net_answer"), "serve"]))
    milter = str(port)
    found, pids = {"direct": port}, {}
    for name, program in (("relay", "bench_net_relay"), ("forward", "bench_net_forward")):
        words = [os.path.join(args.build, program), milter]
        found[name] = stack.enter_context(running(words, pids=pids.setdefault(name, [])))
    if find_program("socat"):
        port = free_port()
        found["socat"] = stack.enter_context(running(
            [find_program("socat"), f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=1000",
             f"TCP:127.0.0.1:{milter},nodelay"], port))
    drill, port = os.path.join(args.build, "milterdrill"), free_port()
    if args.record or has_record(drill):
        words = [word.format(drill=drill, listen=f"inet:{port}@127.0.0.1", milter=f"inet:{milter}@127.0.0.1",
                             out=os.path.join(folder, "out"))
                 for word in shlex.split(args.record or RECORD)]
        found["record"] = stack.enter_context(running(words, port, pids.setdefault("record", [])))
    return found, pids


def measure(load, path, sessions, connections, found):
    """name: microseconds a session"""
    words = [load, path, str(max(sessions, connections)), str(connections),
             *map(str, found.values())]
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(found, map(float, lines)))


def show(kind, connections, took):
    """Whether the goals are held."""
    added = {name: value - took["direct"] for name, value in took.items() if name != "direct"}
    texts = [f"{name} {value:.0f}" + (f" ({value / added['relay']:.2f})" if name != "relay" else "")
             for name, value in added.items()]
    print(f"{kind:5} x {connections:3}: direct {took['direct']:.0f} us; added: {', '.join(texts)}",
          flush=True)
    ours = added.get("record", 0)
    return ours <= GOAL * added["relay"] and ours < added.get("socat", ours + 1)


def show_processors(pids):
    """Of all sessions of the run together, in parts of what the relay took."""
    used = {name: [processor_seconds(pid) for pid in some] for name, some in pids.items()}
    relay = sum(used["relay"])
    print(f"processor time: relay {relay:.2f} s; " + "; ".join(
        f"{name} " + " + ".join(f"{seconds / relay:.2f}" for seconds in some)
        for name, some in used.items() if name != "relay"))


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--record")
    parser.add_argument("--libmilter", action="store_true")
    parser.add_argument("--folder", default="/dev/shm" if os.path.isdir("/dev/shm") else None)
    return parser.parse_args(argv)


def main(argv):
    args = arguments(argv)
    load = os.path.join(args.build, "bench_net_load")
    held = True
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(
            prefix="milterdrill-bench-", dir=args.folder))
        scenario = os.path.join(folder, "plain.drill")
        with open(scenario, "w", encoding="utf-8") as out:
            out.write(SCENARIO)
        data = session_bytes(os.path.join(args.build, "milterdrill"), scenario)
        found, pids = contestants(stack, args, folder)
        for kind, bytes_ in (("short", data), ("long", lengthened(data))):
            path = os.path.join(folder, kind)
            with open(path, "wb") as out:
                out.write(bytes_)
            for connections in CONNECTIONS:
                held &= show(kind, connections,
                             measure(load, path, SESSIONS[kind], connections, found))
        show_processors(pids)
    if "record" in found:
        print(f"goal: record adds at most {GOAL} of the relay, and less than socat: "
              f"{'held' if held else 'MISSED'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
