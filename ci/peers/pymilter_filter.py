# SPDX-License-Identifier: MIT
"""A filter on pymilter: pymilter_filter.py inet:PORT@127.0.0.1

The local part of a recipient says what becomes of the message: reject@ and tempfail@ at once,
discard@ at its end. All other mail gets a header that counts what was seen of it. One line a
callback on standard output.
"""

import sys

import Milter


def say(*words):
    print(*words, flush=True)


class Filter(Milter.Base):
    """One connection."""

    def __init__(self):
        super().__init__()
        self.headers = self.size = 0
        self.discarded = False

    def connect(self, hostname, family, hostaddr):
        say("connect", hostname, family, hostaddr)
        return Milter.CONTINUE

    def hello(self, hostname):
        say("helo", hostname)
        return Milter.CONTINUE

    def envfrom(self, mailfrom, *args):
        say("mail", mailfrom, *args)
        self.headers = self.size = 0
        self.discarded = False
        return Milter.CONTINUE

    def envrcpt(self, to, *args):
        say("rcpt", to, *args)
        wanted = to.strip("<>").split("@")[0]
        if wanted == "reject":
            self.setreply("550", "5.7.1", "No thank you")
        self.discarded = self.discarded or wanted == "discard"
        return {"reject": Milter.REJECT, "tempfail": Milter.TEMPFAIL}.get(wanted, Milter.CONTINUE)

    def header(self, name, hval):
        say("header", name, len(hval))
        self.headers += 1
        return Milter.CONTINUE

    def eoh(self):
        say("eoh")
        return Milter.CONTINUE

    def body(self, blk):
        say("body", len(blk))
        self.size += len(blk)
        return Milter.CONTINUE

    def eom(self):
        say("bodyeob")
        if self.discarded:
            return Milter.DISCARD
        self.addheader("X-Pymilter", f"{self.headers} headers, {self.size} bytes of body")
        return Milter.ACCEPT

    def abort(self):
        say("abort")
        return Milter.CONTINUE

    def close(self):
        say("close")
        return Milter.CONTINUE


Milter.factory = Filter
Milter.set_flags(Milter.ADDHDRS)
Milter.runmilter("milterdrill-pymilter", sys.argv[1], 60)
