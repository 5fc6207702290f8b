# SPDX-License-Identifier: MIT
"""Stalwart as the MTA under test: its own configuration, store, queue and log in one folder.

    with Stalwart(sink=sink_port, stages=["rcpt", "data"]) as mta:
        # a milter listens on mta.milter
        smtplib.SMTP("127.0.0.1", mta.port) ...
        mta.set(timeoutData=2000)
        mta.log(), mta.lines("milter.io-error")

No distribution has it: build it (cargo build -p stalwart --no-default-features --features sqlite) and
put the program on PATH. It keeps its settings in its store and takes them by JMAP, first in recovery
mode, where it has no listener but that one; those of the milter can be changed while it runs. It
relays whatever it is given to the sink; without a sink mail stays in the queue. Nobody is looked up in
the DNS. Its log is a file tracer of level trace, which is where milter.read and milter.write are.
"""

import base64
import json
import subprocess
import urllib.request

from peers.base import Mta, PeerError, end_groups, find_program, free_port, listens, tail

ADMIN = "admin:milterdrill"
LOGIN = "alice", "secret"  # of whoever logs in at its SMTP side, which takes TLS
API = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"]
SECONDS = 30
NEVER = {"else": "false"}
ALWAYS = {"else": "true"}

# What it looks up, or waits for, or bans, when nobody tells it not to.
QUIET = (
    ("SenderAuth", {name: {"else": "disable"} for name in (
        "dkimVerify", "spfEhloVerify", "spfFromVerify", "arcVerify", "dmarcVerify", "reverseIpVerify")}),
    ("SpamSettings", {"enable": False}),
    ("SpamPyzor", {"enable": False, "host": "127.0.0.1"}),
    ("Security", {"abuseBanRate": None, "authBanRate": None, "loiterBanRate": None}),
    ("MtaExtensions", {"dsn": ALWAYS}),
    ("MtaStageAuth", {"require": NEVER, "mustMatchSender": NEVER}),
    ("Authentication", {"passwordMinLength": 1, "passwordMinStrength": "zero"}),
    ("MtaStageRcpt", {"allowRelaying": ALWAYS, "waitOnFail": {"else": "0s"}, "maxFailures": {"else": "100"}}),
    ("MtaOutboundStrategy", {"route": {"else": "'sink'"}, "schedule": {"else": "'remote'"}}),
)


class Stalwart(Mta):
    """`sink`: the port of an SMTP server on loopback that takes what is delivered. `ansi`,
    `multiline`: how its log is written. All other words are settings of the milter."""

    name = "stalwart"
    programs = ("stalwart",)
    stop_seconds = 10

    def __init__(self, sink=None, ansi=False, multiline=False, **settings):
        super().__init__()
        self.sink = sink
        self.tracer = {"ansi": ansi, "multiline": multiline}
        self.settings = settings
        self._api = self._milter = self._account = None

    @classmethod
    def version(cls):
        told = subprocess.run([find_program("stalwart"), "--version"], check=False,
                              capture_output=True, text=True)
        return f"Stalwart {told.stdout.strip() or '?'}"

    def launch(self):
        for _ in range(3):
            self.take_port()
        self.reserve_milter()
        self.write("config.json", json.dumps({"@type": "Sqlite", "path": self.path("db.sqlite")}))
        self._run(free_port(), STALWART_RECOVERY_MODE="1")
        home = self._configure()
        end_groups(self._processes, self.stop_seconds)
        self._processes, self._names = [], []
        self._run(self.ports[2])
        self._create("Account", {
            "@type": "User", "name": LOGIN[0], "domainId": home,
            "credentials": {"0": {"@type": "Password", "secret": LOGIN[1]}},
            "permissions": {"@type": "Merge", "enabledPermissions": {"authenticate": True,
                                                                     "emailSend": True}}})

    @property
    def proxy_port(self):
        """Like `port`, for clients that begin with a line of the PROXY protocol."""
        return self.ports[1]

    def lines(self, text):
        """Lines of its log that hold the text."""
        log = tail(self.path("stalwart.log"), 100000)
        return [line for line in log.splitlines() if text in line]

    def set(self, **settings):
        """Other settings of the milter, which sessions that begin after it have."""
        self._update("MtaMilter", self._milter, {**self._milter_settings(), **settings})
        self._create("Action", {"@type": "ReloadSettings"})

    def behind(self, port):
        """One more milter, which it asks behind its own."""
        self._create("MtaMilter", {**self._milter_settings(), "port": port})
        self._create("Action", {"@type": "ReloadSettings"})

    def _run(self, api, **environment):
        """Its web interface, which it would fetch at its first start, is behind a proxy that is not."""
        self._api = api
        self.spawn([find_program("stalwart"), "--config", self.path("config.json")],
                   lambda: listens(api) or listens(api, "/proc/net/tcp6"),
                   env={"STALWART_HOSTNAME": "mx.example.com", "STALWART_RECOVERY_ADMIN": ADMIN,
                        "STALWART_RECOVERY_MODE_PORT": str(api), "HTTPS_PROXY": "http://127.0.0.1:9",
                        **environment})

    def _milter_settings(self):
        settings = {"hostname": "127.0.0.1", "port": self.milter_port, "timeoutCommand": 5000,
                    "timeoutData": 5000, **self.settings}
        settings["stages"] = {stage: True for stage in settings.get("stages", ["data"])}
        return settings

    def _configure(self):
        self._account = next(iter(self._request("/jmap/session")["accounts"]))
        home = self._create("Domain", {"name": "mx.example.com"})
        self._update("SystemSettings", "singleton", {"defaultHostname": "mx.example.com",
                                                     "defaultDomainId": home})
        for name, values in QUIET:
            self._update(name, "singleton", values)
        # Where there is none, it makes some of its own.
        self._create("MtaInboundThrottle", {"enable": False, "description": "none",
                                            "rate": {"count": 1000, "period": 1000}})
        # It does not deliver to an address of loopback; to this one Linux connects there.
        self._create("MtaRoute", {"@type": "Relay", "name": "sink", "address": "0.0.0.0",
                                  "port": self.sink or 9, "implicitTls": False})
        self._create("Tracer", {"@type": "Log", "path": self.folder, "prefix": "stalwart.log",
                                "rotate": "never", "level": "trace", **self.tracer})
        for at, (name, protocol) in enumerate((("smtp", "smtp"), ("smtp-proxy", "smtp"),
                                               ("api", "http"))):
            trusted = {"127.0.0.1": True} if name == "smtp-proxy" else {}
            self._create("NetworkListener", {
                "name": name, "protocol": protocol, "bind": {f"127.0.0.1:{self.ports[at]}": True},
                "overrideProxyTrustedNetworks": trusted})
        self._milter = self._create("MtaMilter", self._milter_settings())
        return home

    def _request(self, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._api}{path}", body and json.dumps(body).encode(),
            {"Authorization": "Basic " + base64.b64encode(ADMIN.encode()).decode(),
             "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except (OSError, ValueError) as error:
            raise PeerError(f"{path}: {error}\n{self.log()}") from error

    def _call(self, name, change, values):
        body = {"using": API, "methodCalls": [
            [f"x:{name}/set", {"accountId": self._account, change: values}, "0"]]}
        answer = self._request("/jmap/", body)["methodResponses"][0][1]
        done = answer.get(change + "d") or {}
        key, = values
        if key not in done:
            raise PeerError(f"{name}: {json.dumps(answer)}")
        return done[key]

    def _create(self, name, values):
        return self._call(name, "create", {"new": values})["id"]

    def _update(self, name, key, values):
        self._call(name, "update", {key: values})
