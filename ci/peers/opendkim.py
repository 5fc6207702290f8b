# SPDX-License-Identifier: MIT
"""opendkim with a key of its own: signs mail of example.org, verifies all other.

`internal` names the SMTP clients whose mail is signed. The public key comes from a file, so nothing
is looked up.
"""

import re
import socket
import subprocess

from peers.base import Peer, find_program, negotiates, openssl

DOMAIN, SELECTOR = "example.org", "drill"

CONF = """\
Socket inet:{port}@127.0.0.1
Syslog yes
SyslogSuccess yes
LogWhy yes
Background no
Mode sv
Domain {domain}
Selector {selector}
KeyFile {folder}/key.pem
RequireSafeKeys no
Canonicalization relaxed/simple
InternalHosts {folder}/internal
ExternalIgnoreList {folder}/internal
TestPublicKeys {folder}/public
AuthservID mx.example.com
AlwaysAddARHeader yes
On-BadSignature reject
"""


class Opendkim(Peer):
    """Signs mail of example.org that comes from the client addresses `internal`."""

    name = "opendkim"
    programs = ("opendkim", "openssl", "cc")
    preloads = ("syslog",)

    def __init__(self, internal="192.0.2.1"):
        super().__init__()
        self.internal = internal

    @classmethod
    def version(cls):
        out = subprocess.run([find_program("opendkim"), "-V"], check=False, capture_output=True,
                             text=True).stdout
        found = re.search(r"OpenDKIM Filter v(\S+)", out)
        return f"opendkim {found.group(1) if found else '?'}"

    def launch(self):
        self._make_key()
        self.write("internal", self.internal + "\n")
        conf = self.write("opendkim.conf", CONF.format(
            folder=self.folder, port=self.take_port(), domain=DOMAIN, selector=SELECTOR))
        self.spawn([find_program("opendkim"), "-f", "-x", conf],
                   lambda: negotiates(socket.AF_INET, ("127.0.0.1", self.port)))

    def _make_key(self):
        openssl("genrsa", "-out", self.path("key.pem"), "2048")
        public = openssl("rsa", "-in", self.path("key.pem"), "-pubout").splitlines()
        self.write("public", f"{SELECTOR}._domainkey.{DOMAIN} v=DKIM1; k=rsa; "
                             f"p={''.join(public[1:-1])}\n")
