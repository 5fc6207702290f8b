# SPDX-License-Identifier: MIT
"""opendmarc: its records come from a file (dns.c), for it cannot be told of a name server.

example.net asks for a reject of what does not align, no other domain has a policy.
"""

import re
import socket
import subprocess

from peers.base import Peer, find_program, negotiates

RECORDS = "_dmarc.example.net v=DMARC1; p=reject\n"

CONF = """\
Socket inet:{port}@127.0.0.1
Syslog yes
Background no
AuthservID mx.example.com
TrustedAuthservIDs mx.example.com
RejectFailures yes
SPFIgnoreResults no
SPFSelfValidate no
SoftwareHeader yes
PidFile {folder}/opendmarc.pid
"""


class Opendmarc(Peer):
    """Believes the Authentication-Results of mx.example.com, and rejects what its policy says."""

    name = "opendmarc"
    programs = ("opendmarc", "cc")
    preloads = ("syslog", "dns")

    @classmethod
    def version(cls):
        out = subprocess.run([find_program("opendmarc"), "-V"], check=False, capture_output=True,
                             text=True).stdout
        found = re.search(r"OpenDMARC Filter v(\S+)", out)
        return f"opendmarc {found.group(1) if found else '?'}"

    def launch(self):
        self.write("dns.txt", RECORDS)
        conf = self.write("opendmarc.conf", CONF.format(folder=self.folder, port=self.take_port()))
        self.spawn([find_program("opendmarc"), "-f", "-l", "-c", conf],
                   lambda: negotiates(socket.AF_INET, ("127.0.0.1", self.port)))
