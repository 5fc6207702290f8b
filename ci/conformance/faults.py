# SPDX-License-Identifier: MIT
"""What Postfix and Sendmail do with each fault of a milter at each stage, under each of their settings
for such a case.

A session is one scenario made of FAULTS and STAGES, played by `milterdrill run --listen --smtp`; its one
recipient is its name, so what reaches the sink, or stays in the queue, is known to be its message. Each
setting is an MTA of its own; they run side by side, for most of the time is their waiting.
"""

import concurrent.futures
import dataclasses
import os
import re
import socketserver
import tempfile
import threading

from peers.base import PeerError, wait_until
from peers.postfix import Postfix
from peers.sendmail import Sendmail

STAGES = ("optneg", "connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "bodyeob")
SECONDS = 20
PROGRESS = "repeat 10 {\n  < progress after=250ms\n}\n"
REFUSED = "...\n> bodyeob\n< reject\n"
# What the milter does at that stage. {reply}: what would be right there.
FAULTS = {
    "FIN": "< close\n",
    "RST": "< reset\n",
    "half-close": "< half-close\n",
    "silence": "< silence for=10s\n",
    "torn frame, FIN": "< {reply} cut=3\n< close\n",
    "length of zero": '< raw data=hex "00 00 00 00"\n',
    "length of 1 GiB": "< {reply} length=0x40000000\n",
    "unknown letter": '< frame code=0x5a data=""\n',
    "wrong reply": "< {wrong}\n",
    "reply code 250": '< replycode text="250 2.0.0 fine"\n',
    "reply twice, then reject": "< {reply} join\n< {second}\n",
    "PROGRESS, then FIN": "{progress}< close\n",
    "answer of version 2": "< optneg version=2 protocol=0\n",
}
WITHHELD = {("sendmail", "length of zero")}  # ci/findings.md
FINISHED = {"postfix": " disconnect from ", "sendmail": None}
# Sendmail looks at whole seconds: a limit of 1 s may be over in a moment.
LIMITS = "C:2s;S:2s;R:2s;E:4s"
PARTS = 2  # MTAs that share the sessions of one setting
SETTINGS = (("postfix", "tempfail"), ("postfix", "reject"), ("postfix", "accept"),
            ("postfix", "quarantine"), ("sendmail", "tempfail"), ("sendmail", "reject"),
            ("sendmail", "accept"))
WORDS = {("sendmail", "tempfail"): "F=T", ("sendmail", "reject"): "F=R",
         ("sendmail", "accept"): "no F="}


@dataclasses.dataclass
class Seen:
    """What one session came to."""

    mta: str
    action: str
    fault: str
    stage: str
    at: str  # the SMTP command that was refused, or "bodyeob"
    smtp: str  # what the client was told there
    log: str  # the first line of the MTA's log about its milter
    seconds: float  # of the session
    fate: str = "none"  # of the message: none, delivered, held

    def key(self):
        return self.mta, self.action, self.fault, self.stage


class Sink(socketserver.ThreadingTCPServer):
    """Takes what an MTA delivers; `rcpts` are the recipients of whole messages."""

    daemon_threads = True
    request_queue_size = 64

    class Handler(socketserver.StreamRequestHandler):
        timeout = SECONDS

        def handle(self):
            self.wfile.write(b"220 sink\r\n")
            rcpts = []
            for line in self.rfile:
                verb = line[:4].upper()
                if verb == b"RCPT":
                    rcpts.append(re.search(rb"<(.*)@", line).group(1).decode())
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    whole = any(line == b".\r\n" for line in iter(self.rfile.readline, b""))
                    self.server.rcpts += rcpts if whole else []
                    rcpts = []
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.rcpts = []

    def __enter__(self):
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()
        return super().__enter__()

    def __exit__(self, *exc):
        self.shutdown()
        self._thread.join()
        super().__exit__(*exc)


def sessions(mta):
    """(fault, stage) of all that is played."""
    return [(fault, stage) for fault in FAULTS for stage in STAGES
            if (mta, fault) not in WITHHELD and (fault != "answer of version 2" or stage == "optneg")]


def name(fault, stage):
    return re.sub(r"\W+", "-", f"{fault}-{stage}".lower())


def scenario(mta, fault, stage):
    """Its text. The milter goes on as one should where the MTA lets it; and refuses the message in the
    end, where a reply too many may have taken that away."""
    steady = mta == "postfix" or stage == "bodyeob"  # who bears progress there
    lines = FAULTS[fault].format(
        reply={"optneg": "optneg", "bodyeob": "accept"}.get(stage, "continue"),
        second={"optneg": "optneg", "bodyeob": "reject"}.get(stage, "continue"),
        wrong="continue" if stage == "optneg" else "optneg",
        progress=PROGRESS if steady and stage != "optneg" else "< progress\n")
    begin = "" if stage == "optneg" else "...\n"
    refused = REFUSED if fault.startswith("reply twice") and stage != "bodyeob" else "...\n"
    return (f'drill 1 "{fault} at {stage}" tests=mta\n'
            f'message rcpt="<{name(fault, stage)}@example.com>"\n'
            f"{begin}> {stage}\n{lines}{refused}")


def start(mta, action, sink):
    if mta == "postfix":
        return Postfix(sink=sink, default_action=action, **{
            f"milter_{what}_timeout": "2s" for what in ("connect", "command", "content")})
    return Sendmail(sink=sink, default_action=action, limits=LIMITS)


def log_of(peer):
    path = peer.path("postfix.log" if peer.name == "postfix" else "syslog.log")
    with open(path, encoding="utf-8", errors="backslashreplace") as log:
        return log.read().splitlines()


def about_the_milter(peer, lines):
    """The first line that says what was wrong; else what was done to the message."""
    for pattern in (r"(?:warning|error): (milter .*)", r"(Milter read\(\w+\): .*|milter_\w+\(\w+\): .*)",
                    r"(Milter \(\w+\): (?!init success).*)",
                    r"((?:milter-|Milter: (?!connect to)|milter=(?!.*continue)).*)"):
        for line in lines:
            found = re.search(pattern, line)
            if found:
                return normal(peer, found.group(1))
    return ""


def normal(peer, text):
    """Without what differs from run to run."""
    text = text.replace(str(peer.milter_port), "PORT").replace(peer.folder, "FOLDER")
    return re.sub(r"; from=.*|, from=.*", "", text)


class Bench:
    """One MTA with one setting, and every nth of the sessions from the `first` on."""

    def __init__(self, drill, mta, action, first):
        self.drill, self.mta, self.action = drill, mta, action
        self.sessions = sessions(mta)[first::PARTS]
        self.read = 0  # lines of its log

    def play(self):
        """[Seen, ...]; PeerError when the MTA died."""
        with Sink() as sink, tempfile.TemporaryDirectory(prefix="milterdrill-faults-") as folder:
            with start(self.mta, self.action, sink.server_address[1]) as peer:
                seen = [self._session(peer, folder, *pair) for pair in self.sessions]
                self._look_after(peer, sink, seen)
                if not peer.alive():
                    raise PeerError(peer.log())
        return seen

    def _session(self, peer, folder, fault, stage):
        path = os.path.join(folder, name(fault, stage) + ".drill")
        with open(path, "w", encoding="utf-8") as out:
            out.write(scenario(self.mta, fault, stage))
        result = self.drill("run", "--listen", peer.milter, "--smtp", f"127.0.0.1:{peer.port}",
                            "--timeout", f"{SECONDS}s", "--format", "jsonl", "-v", path)
        replies = [r for r in result.of("smtp") if r["stage"] not in ("quit", "abort")]
        if not replies:
            raise PeerError(result.dump("no SMTP reply"))
        last = next((r for r in replies if r["code"] // 100 in (0, 4, 5)), replies[-1])
        return Seen(self.mta, self.action, fault, stage, last["stage"], self._told(last),
                    about_the_milter(peer, self._new_lines(peer)), round(last["us"] / 1e6, 2))

    @staticmethod
    def _told(reply):
        """Ids of the queue are of this run only."""
        line = re.sub(r"\b[0-9A-Za-z]{14}\b|(?<=queued as )\w+", "ID", reply["line"])
        return line or f"no reply ({reply['end']})"

    def _new_lines(self, peer):
        """What it has logged of this session. Postfix logs through a process of its own."""
        ending = FINISHED[self.mta]
        if ending and not wait_until(lambda: any(ending in line for line in log_of(peer)[self.read:]),
                                     peer.alive, SECONDS):
            raise PeerError(peer.log())
        lines = log_of(peer)[self.read:]
        self.read += len(lines)
        return lines

    def _look_after(self, peer, sink, seen):
        """What became of each message, when nothing is on its way any more."""
        wait_until(lambda: self._quiet(peer), peer.alive, SECONDS)
        held = self._held(peer)
        for one in seen:
            rcpt = name(one.fault, one.stage)
            fates = ["delivered"] * sink.rcpts.count(rcpt) + ["held"] * held.count(rcpt)
            one.fate = " and ".join(fates) or "none"

    @staticmethod
    def _quiet(peer):
        held = f"{os.sep}hold{os.sep}"
        return not [path for path in peer.queue_files() if held not in path]

    @staticmethod
    def _held(peer):
        if peer.name != "postfix":
            return []
        return [rcpt["address"].partition("@")[0] for entry in peer.queue()
                if entry["queue_name"] == "hold" for rcpt in entry["recipients"]]


def play(drill, settings=SETTINGS):
    """All sessions of these settings, side by side."""
    benches = [Bench(drill, *setting, first) for setting in settings
               for first in range(PARTS)]
    with concurrent.futures.ThreadPoolExecutor(len(benches)) as pool:
        return [seen for part in pool.map(Bench.play, benches) for seen in part]
