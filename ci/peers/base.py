# SPDX-License-Identifier: MIT
"""A real program as a peer: a folder, a port, and processes of its own.

    with Clamav() as peer:
        send_something_to(peer.address)
        print(peer.log())

A Peer is started at most once at a time. All its files are in `folder`, which is gone after stop()
unless `keep` is set. Only processes that it started are ended, by the id of their group.
SideBySide starts many at once.
"""

import atexit
import concurrent.futures
import errno
import functools
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
START_SECONDS = 60  # a process that is not ready by then is given up
STOP_SECONDS = 2  # libmilter looks at its stop flag every five seconds only: KILL is enough for it
BIND_TRIES = 5
BUILDING = threading.Lock()
LISTENING = "0A"  # a state in /proc/net/tcp


class PeerError(Exception):
    """The peer could not be started; the text holds the end of its log."""


def free_port(host="127.0.0.1"):
    """A port that was free a moment ago: start() tries another one if it no longer is."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def reserved_port():
    """A socket bound to a port, and never listening: others do not get the port, a listener with
    SO_REUSEADDR does."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


def listens(port, table="/proc/net/tcp"):
    """Whether somebody listens on that port, of IPv4 but with another table. Asked without a
    connection, which an MTA would tell its milter of."""
    with open(table, encoding="ascii") as lines:
        rows = [line.split() for line in lines][1:]
    return any(row[3] == LISTENING and int(row[1].split(":")[1], 16) == port for row in rows)


def taken(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def find_program(name):
    """The path of a program; daemons stand in sbin, which is not on every user's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    return shutil.which(name, path=path)


@functools.lru_cache(maxsize=None)
def build_folder():
    """Where the C helpers of this run are, until it ends."""
    folder = tempfile.mkdtemp(prefix="milterdrill-build-")
    os.chmod(folder, 0o755)  # not all peers run as we do
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def build(name, *options):
    """Compiles ci/peers/NAME.c once in a run; returns what came of it. PeerError with the
    compiler's words."""
    with BUILDING:
        program = os.path.join(build_folder(), name)
        if not os.path.exists(program):
            done = subprocess.run([find_program("cc"), "-O2", "-Wall", "-Wextra", "-o", program,
                                   os.path.join(HERE, name + ".c"), *options],
                                  check=False, capture_output=True, text=True)
            if done.returncode:
                raise PeerError(done.stderr)
        return program


def bound_to_us(args, user=None):
    """The command, made to die with us even if we are killed (leash.c); as another user when one is
    named."""
    words = [build("leash")]
    if user:
        words += [find_program("setpriv"), "--reuid", user, "--regid", user, "--clear-groups"]
    return [*words, *args]


def openssl(*words):
    done = subprocess.run([find_program("openssl"), *words], check=False, capture_output=True,
                          text=True)
    if done.returncode:
        raise PeerError(done.stderr)
    return done.stdout


def negotiates(family, address):
    """Whether a milter answers there: connecting is not enough, many listen before they can work."""
    with socket.socket(family) as mta:
        mta.settimeout(5)
        try:
            mta.connect(address)
            mta.sendall(struct.pack(">IcIII", 13, b"O", 6, 0xff, 0x42))
            answered = mta.recv(5, socket.MSG_WAITALL)[4:] == b"O"
            mta.recv(12, socket.MSG_WAITALL)
            mta.sendall(b"\0\0\0\1Q")
            return answered
        except OSError:
            return False


def tail(path, lines=20):
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])
    except FileNotFoundError:
        return ""


def wait_until(ready, alive, seconds=START_SECONDS):
    """True once ready() is; False when alive() no longer is, or after the deadline."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while time.monotonic() < deadline:
        if ready():
            return True
        if not alive():
            return ready()
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
    return False


def accepts(family, address):
    """Whether somebody listens there."""
    with socket.socket(family) as probe:
        probe.settimeout(2)
        try:
            probe.connect(address)
        except OSError:
            return False
        return True


class Peer:
    """Derived classes give `name`, `programs`, version() and launch(). `preloads` are libraries of
    this folder that its programs run with: "syslog", so that log() holds what they say there, "dns", so
    that they find the records of the file dns.txt, and "hostname".
    `stop_seconds` is the time between TERM and KILL."""

    name = "peer"
    programs = ()
    preloads = ()
    stop_seconds = STOP_SECONDS

    def __init__(self):
        self.folder = None
        self.ports = []
        self.keep = False
        self._processes = []
        self._names = []

    @classmethod
    def missing(cls):
        """Why it cannot be started here; None when it can."""
        absent = [program for program in cls.programs if not find_program(program)]
        return f"{cls.name}: {', '.join(absent)} not installed" if absent else None

    @classmethod
    def installed(cls):
        return cls.missing() is None

    @classmethod
    def version(cls):
        raise NotImplementedError

    def launch(self):
        """Starts the processes, the milter on self.take_port() first; returns when they are ready,
        else PeerError."""
        raise NotImplementedError

    def take_port(self):
        self.ports.append(free_port())
        return self.ports[-1]

    @property
    def port(self):
        return self.ports[0]

    @property
    def address(self):
        return f"inet:{self.port}@127.0.0.1"

    def start(self):
        if self.missing():
            raise PeerError(self.missing())
        for attempt in range(BIND_TRIES):
            self.folder = tempfile.mkdtemp(prefix=f"milterdrill-{self.name}-")
            self.ports = []
            try:
                self.launch()
                return self
            except PeerError:
                again = self._port_taken()
                self.stop()
                if not again or attempt == BIND_TRIES - 1:
                    raise
        return self

    def _port_taken(self):
        """A daemon died, and somebody else listens where it should have."""
        return not self.alive() and any(taken(port) for port in self.ports)

    def _preloaded(self):
        """What puts `preloads` under a program."""
        if not self.preloads:
            return {}
        return {"LD_PRELOAD": " ".join(build(name, "-shared", "-fPIC") for name in self.preloads),
                "DRILL_SYSLOG": self.path("syslog.log"), "DRILL_DNS": self.path("dns.txt")}

    def spawn(self, args, ready, env=None, user=None):
        """Starts one program in a process group of its own and waits until ready(). `env` is added
        to ours; `user` runs it."""
        log = self.path(os.path.basename(args[0]) + ".out")
        env = {**os.environ, **self._preloaded(), **(env or {})}
        with open(log, "ab") as out:
            process = subprocess.Popen(bound_to_us(args, user), stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, cwd=self.folder, env=env,
                                       start_new_session=True)
        self._processes.append(process)
        self._names.append(os.path.basename(args[0]))
        if not wait_until(ready, lambda: process.poll() is None):
            state = process.poll()
            state = "not ready in time" if state is None else f"ended with {state}"
            raise PeerError(f"{args} {state}\n{self.log()}")
        return process

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def log(self):
        """What its programs have said so far, one block a file."""
        if not self.folder or not os.path.isdir(self.folder):
            return ""
        names = sorted(n for n in os.listdir(self.folder) if n.endswith((".log", ".out")))
        return "".join(f"--- {n}\n{tail(self.path(n), 200)}" for n in names)

    def alive(self):
        return bool(self._processes) and all(p.poll() is None for p in self._processes)

    def ended(self):
        """What became of those of its programs that no longer run: ["clamd ended with 139", ...].
        More than 128 is 128 + the signal."""
        pairs = zip(self._names, self._processes)
        return [f"{name} ended with {process.poll()}" for name, process in pairs
                if process.poll() is not None]

    def pids(self):
        return [process.pid for process in self._processes]

    def stop(self):
        end_groups(self._processes, self.stop_seconds)
        self._processes, self._names = [], []
        if self.folder and not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()


class Mta(Peer):
    """An MTA under test: launch() calls reserve_milter() before it writes where its milter is."""

    def __init__(self):
        super().__init__()
        self._reserved = None

    def reserve_milter(self):
        self._reserved = self._reserved or reserved_port()

    def stop(self):
        super().stop()
        if self._reserved:
            self._reserved.close()
            self._reserved = None

    @property
    def milter_port(self):
        return self._reserved.getsockname()[1]

    @property
    def milter(self):
        """Where it looks for its milter, as `--listen` has it."""
        return f"inet:{self.milter_port}@127.0.0.1"


class SideBySide:
    """Peers that start and stop at the same time, for some take seconds. Its threads live as long as
    the peers do: what a thread started dies with it (bound_to_us)."""

    def __init__(self, peers):
        self.peers = list(peers)
        self._pool = concurrent.futures.ThreadPoolExecutor(max(1, len(self.peers)))

    def start(self):
        """What each came to: None, or its PeerError."""
        futures = [self._pool.submit(peer.start) for peer in self.peers]
        return [future.exception() for future in futures]

    def stop(self):
        with self._pool:
            for done in [self._pool.submit(peer.stop) for peer in self.peers]:
                done.result()


def end_groups(processes, seconds=STOP_SECONDS):
    """TERM, then KILL after so long, for the groups that these processes lead."""
    for process in processes:
        signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        signal_group(process, signal.SIGKILL)  # children that outlived their leader, too
        process.wait()


def signal_group(process, sign):
    try:
        os.killpg(process.pid, sign)
    except ProcessLookupError:
        pass
