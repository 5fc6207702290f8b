# SPDX-License-Identifier: MIT
"""clamav-milter with a clamd of its own: one invented signature, no freshclam, low limits on request.

The folder is made under the system's temp directory, because clamd's AppArmor profile lets it read
and write nowhere else. Both daemons run as whoever starts them (no `User` line).
"""

import os
import re
import socket
import struct
import subprocess

from peers.base import Peer, end_groups, find_program

# Stands for a virus in tests. Harmless, invented, and known to nobody's scanner but this one.
INFECTED = b"MILTERDRILL-HARMLESS-TEST-STRING-7f3a1c95"
SIGNATURE = "Drill.Test.Signature"

CLAMD = """\
Foreground yes
LogFile {folder}/clamd.log
LogTime yes
{listen}
DatabaseDirectory {folder}/db
TemporaryDirectory {folder}
MaxThreads 4
StreamMaxLength {stream}
MaxFileSize {scan_file}
MaxScanSize {scan}
"""

MILTER = """\
Foreground yes
LogFile {folder}/clamav-milter.log
LogTime yes
LogInfected Full
LogClean Basic
LogVerbose yes
MilterSocket inet:{port}@127.0.0.1
ClamdSocket {clamd}
TemporaryDirectory {folder}
MaxFileSize {milter_file}
OnClean Accept
OnInfected {on_infected}
OnFail {on_fail}
AddHeader {add_header}
"""

MIB = 1 << 20

# A session up to its first header, which is where clamav-milter first talks to clamd.
PROBE = (b"O" + struct.pack(">III", 6, 0xff, 0x42), b"Cprobe.example\0004\0\031192.0.2.1\0",
         b"M<alice@example.org>\0", b"R<bob@example.com>\0", b"LFrom\0alice@example.org\0")


def ask(mta, frame):
    """Sends one command; the code of its reply, or nothing when there is none."""
    mta.sendall(struct.pack(">I", len(frame)) + frame)
    head = mta.recv(5, socket.MSG_WAITALL)
    if len(head) < 5:
        raise ConnectionError("no reply")
    mta.recv(struct.unpack(">I", head[:4])[0] - 1, socket.MSG_WAITALL)
    return head[4:]


class Clamav(Peer):
    """Limits are in bytes; None keeps a large default.

    stream       clamd's StreamMaxLength. Only a clamd on TCP knows it: over a UNIX socket the
                 milter hands over an open file instead of a stream. So this asks for TCP.
    milter_file  clamav-milter's MaxFileSize: what it passes on to clamd
    scan_file    clamd's MaxFileSize
    scan         clamd's MaxScanSize
    allow        a regular expression: whose mail clamav-milter accepts at MAIL, unscanned
    """

    name = "clamav"
    programs = ("clamd", "clamav-milter")

    def __init__(self, stream=None, milter_file=None, scan_file=None, scan=None,
                 on_infected="Reject", on_fail="Defer", add_header="Replace", allow=None):
        super().__init__()
        self.allow = allow
        self.over_tcp = stream is not None
        self.settings = {"stream": stream or 100 * MIB, "milter_file": milter_file or 25 * MIB,
                         "scan_file": scan_file or 100 * MIB, "scan": scan or 100 * MIB,
                         "on_infected": on_infected, "on_fail": on_fail, "add_header": add_header}

    @classmethod
    def version(cls):
        out = subprocess.run([find_program("clamav-milter"), "--version"], check=False,
                             capture_output=True, text=True).stdout
        found = re.search(r"\d+\.\d+\.\d+", out)
        return f"clamav-milter {found.group(0) if found else '?'}"

    def launch(self):
        values = dict(self.settings, folder=self.folder, port=self.take_port(), **self._clamd())
        os.mkdir(self.path("db"))
        self.write("db/drill.ndb", f"{SIGNATURE}:0:*:{INFECTED.hex()}\n")
        clamd = self.write("clamd.conf", CLAMD.format(**values))
        conf = MILTER.format(**values)
        if self.allow:
            conf += f"Whitelist {self.write('allowed', f'From:{self.allow}')}\n"
        milter = self.write("clamav-milter.conf", conf)
        self.spawn([find_program("clamd"), "--config-file", clamd], self._clamd_answers)
        self.spawn([find_program("clamav-milter"), "--config-file", milter], self._milter_scans)

    def stop_clamd(self):
        """clamav-milter goes on without it."""
        end_groups(self._processes[:1])

    def _clamd(self):
        if not self.over_tcp:
            path = self.path("clamd.sock")
            return {"listen": f"LocalSocket {path}", "clamd": f"unix:{path}"}
        port = self.take_port()
        return {"listen": f"TCPSocket {port}\nTCPAddr 127.0.0.1", "clamd": f"tcp:127.0.0.1:{port}"}

    def _milter_scans(self):
        """It listens before it has found its clamd, and tempfails headers until then."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as mta:
                return [ask(mta, frame) for frame in PROBE][-1] == b"c"
        except OSError:
            return False

    def _clamd_answers(self):
        family, address = socket.AF_UNIX, self.path("clamd.sock")
        if self.over_tcp:
            family, address = socket.AF_INET, ("127.0.0.1", self.ports[1])
        with socket.socket(family) as probe:
            probe.settimeout(5)
            try:
                probe.connect(address)
                probe.sendall(b"nPING\n")
                return probe.recv(16).startswith(b"PONG")
            except OSError:
                return False
