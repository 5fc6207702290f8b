# SPDX-License-Identifier: MIT
"""A milterdrill record between an MTA and a milter, and the recordings that it makes.

    with Recorder(drill, work, milter.address, "--only", "failed") as recorder:
        talk_to(recorder.address)
        recorder.wait(1)
    recorder.recordings()       # paths; `out` and `err` are what it printed

It is ended by SIGTERM. Started as root it stays root, so that the test's folder can be its own.
"""

import glob
import os
import re
import resource
import signal
import subprocess

from peers.base import wait_until
from peers.harness import SANITIZER

SECONDS = 60


class Recorder:
    def __init__(self, drill, work, milter, *options, listen="inet:0@127.0.0.1", file_size=None,
                 umask=-1):
        self.folder = os.path.join(work, "recordings")
        user = ["--user", "root"] if os.geteuid() == 0 and "--user" not in options else []
        self.args = [*drill.wrapper, drill.binary, "record", "--listen", listen, "--milter", milter,
                     "--out", self.folder, *user, *options]
        self.file_size = file_size
        self.umask = umask
        self.process = None
        self.address = self.out = self.err = None
        self.told = []

    def __enter__(self):
        self.process = subprocess.Popen(self.args, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, preexec_fn=self._limit, umask=self.umask)
        for line in self.process.stderr:
            self.told.append(line)
            found = re.search(r"listening on (\S+)", line)
            if found:
                self.address = found.group(1)
                return self
        raise AssertionError(f"it ended: {self.told}")

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.end()
            assert self.process.returncode == 0, self.err
        elif self.out is None:
            self.end()
        assert not SANITIZER.search(self.err), self.err

    def _limit(self):
        if self.file_size:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_size, self.file_size))

    def end(self):
        """Waits for it, and keeps what it printed."""
        try:
            self.out, rest = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.out, rest = self.process.communicate()
            raise
        self.err = "".join(self.told) + rest

    def kill(self):
        """Its scribe lives until all is written, and holds our ends of the pipes until then."""
        self.process.kill()
        self.end()

    def scribe(self):
        """The process that writes the recordings."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
            return int(children.read())

    def peak_kib(self):
        """Memory of both processes; what they share is counted twice."""
        peaks = []
        for pid in (self.process.pid, self.scribe()):
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                peaks.append(int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)))
        return sum(peaks)

    @property
    def port(self):
        return int(re.match(r"inet6?:(\d+)@", self.address).group(1))

    def recordings(self):
        """Paths of the recordings, oldest first."""
        def age(path):
            when, number = os.path.basename(path)[:-len(".drill")].split("-")
            return when, int(number)
        return sorted(glob.glob(os.path.join(self.folder, "*.drill")), key=age)

    def texts(self):
        return [read(path) for path in self.recordings()]

    def wait(self, count, text="verdict"):
        """Until so many recordings have this text: the last lines come when a connection is over."""
        assert wait_until(lambda: sum(text in read(path) for path in self.recordings()) >= count,
                          lambda: self.process.poll() is None, SECONDS), f"{count} recordings with {text!r}: {self.texts()}"


def read(path):
    with open(path, encoding="utf-8") as recording:
        return recording.read()
