# SPDX-License-Identifier: MIT
"""tcpdump on the loopback device: a real capture of what passes a port."""

import functools
import struct
import subprocess

from peers.base import Peer, find_program, wait_until


@functools.lru_cache(maxsize=None)
def may_capture():
    """Whether this user may listen on lo: it takes CAP_NET_RAW."""
    done = subprocess.run([find_program("tcpdump"), "-i", "lo", "-L"], check=False,
                          capture_output=True, timeout=20)
    return done.returncode == 0


class Tcpdump(Peer):
    """Captures the port of another peer, to `file`."""

    name = "tcpdump"
    programs = ("tcpdump",)

    def __init__(self, port, *options):
        super().__init__()
        self.captured = port
        self.options = options

    @classmethod
    def missing(cls):
        return super().missing() or (None if may_capture() else "tcpdump may not capture on lo")

    @classmethod
    def version(cls):
        done = subprocess.run([find_program("tcpdump"), "--version"], check=False,
                              capture_output=True, text=True)
        return (done.stdout or done.stderr).splitlines()[0]

    @property
    def file(self):
        return self.path("lo.pcap")

    def launch(self):
        # -B: 16 MiB for packets that it has not got round to yet.
        # -Z root: it would give its file to a user who cannot write to our folder.
        self.spawn([find_program("tcpdump"), "-i", "lo", "-U", "-B", "16384", "-Z", "root",
                    "-w", self.file, *self.options, "port", str(self.captured)],
                   lambda: "listening on" in self.log())

    def ended(self):
        """A packet with FIN or RST is in the capture, and complete: pcap, Ethernet, IPv4 without
        options or IPv6."""
        with open(self.file, "rb") as capture:
            content = capture.read()
        at = 24
        while at + 16 <= len(content):
            size, = struct.unpack_from("=8xI", content, at)
            if at + 16 + size > len(content):
                return False
            tcp = at + 16 + 14 + (40 if content[at + 16 + 14] >> 4 == 6 else 20)
            if content[tcp + 13] & 5:
                return True
            at += 16 + size
        return False

    def wait_for_end(self):
        assert wait_until(self.ended, self.alive), self.log()
