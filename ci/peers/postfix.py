# SPDX-License-Identifier: MIT
"""Postfix as the MTA under test: its own configuration, queue, data and log in one folder.

    with Postfix(sink=sink_port) as mta:
        # a milter listens on mta.milter
        smtplib.SMTP("127.0.0.1", mta.port) ...
        mta.queue(), mta.lines("milter-reject")

It speaks SMTP on loopback, believes XCLIENT and PROXY lines from there, relays whatever it is given, and delivers
all of it to the sink; without a sink mail stays in the queue. The milter's port is reserved when the
peer starts, and nobody listens there until the test lets a milter do so.
"""

import glob
import json
import os
import shutil
import subprocess

from peers.base import Mta, PeerError, find_program, listens, openssl, tail

LIFE_SECONDS = "1800"

MAIN = {
    "compatibility_level": "3.6",
    "maillog_file": "{folder}/postfix.log",
    "maillog_file_prefixes": "{folder}",
    "queue_directory": "{folder}/queue",
    "data_directory": "{folder}/data",
    "myhostname": "mx.example.com",
    "mydestination": "",
    "mynetworks": "0.0.0.0/0 [::]/0",  # whatever XCLIENT says
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "notify_classes": "",
    "message_size_limit": "0",
    "smtputf8_enable": "no",
    # nothing is looked up, and nothing leaves this machine
    "disable_dns_lookups": "yes",
    "smtp_dns_support_level": "disabled",
    "smtpd_peername_lookup": "no",
    "default_transport": "{transport}",
    "relay_transport": "{transport}",
    "defer_transports": "{deferred}",
    "relayhost": "",
    "smtpd_authorized_xclient_hosts": "127.0.0.1",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_error_sleep_time": "0",
    "in_flow_delay": "0",
    "smtpd_timeout": "20s",
    "smtp_connect_timeout": "5s",
    "smtp_connection_cache_on_demand": "no",
    # the milter
    "smtpd_milters": "inet:127.0.0.1:{milter}",
    "milter_protocol": "6",
    "milter_default_action": "tempfail",
    "milter_connect_timeout": "5s",
    "milter_command_timeout": "5s",
    "milter_content_timeout": "5s",
}

# STARTTLS is offered to all and AUTH to those who ask for it; nobody needs either.
SECURE = {
    "smtpd_tls_security_level": "may",
    "smtpd_tls_key_file": "{folder}/conf/tls.key",
    "smtpd_tls_cert_file": "{folder}/conf/tls.pem",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_sasl_type": "cyrus",
    "smtpd_sasl_path": "smtpd",
    "smtpd_sasl_security_options": "noanonymous",
    "cyrus_sasl_config_path": "{folder}/conf/sasl",  # where Debian's looks in any case
}
SASL = """pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasldb2
mech_list: {mechanisms}
"""

# Services of master.cf, private ones and those that stand in the queue's public folder:
# (name, type, maximum of processes, program)
PRIVATE = (
    ("rewrite", "unix", "-", "trivial-rewrite"), ("bounce", "unix", "0", "bounce"),
    ("defer", "unix", "0", "bounce"), ("trace", "unix", "0", "bounce"),
    ("verify", "unix", "1", "verify"), ("proxymap", "unix", "-", "proxymap"),
    ("smtp", "unix", "-", "smtp"), ("relay", "unix", "-", "smtp"),
    ("error", "unix", "-", "error"), ("retry", "unix", "-", "error"),
    ("discard", "unix", "-", "discard"), ("anvil", "unix", "1", "anvil"),
    ("scache", "unix", "1", "scache"), ("tlsmgr", "unix", "1", "tlsmgr"),
)
PUBLIC = (
    ("127.0.0.1:{port}", "inet", "-", "smtpd"),
    ("127.0.0.1:{proxy}", "inet", "-", "smtpd -o smtpd_upstream_proxy_protocol=haproxy"),
    ("cleanup", "unix", "0", "cleanup"), ("qmgr", "unix", "1", "qmgr"),
    ("flush", "unix", "0", "flush"), ("showq", "unix", "-", "showq"),
    ("postlog", "unix-dgram", "1", "postlogd"),
)


def compiled_in(parameter):
    return subprocess.run([find_program("postconf"), "-d", "-h", parameter], check=False,
                          capture_output=True, text=True).stdout.strip()


class Postfix(Mta):
    """`sink`: the port of an SMTP server on loopback that takes what is delivered. `protocol`: the
    milter protocol it speaks. `default_action`: what it does without a milter. All other words are
    settings of main.cf."""

    name = "postfix"
    programs = ("postfix", "postconf", "postqueue", "postcat")

    def __init__(self, sink=None, protocol=6, default_action="tempfail", **settings):
        super().__init__()
        self.sink = sink
        self.settings = {"milter_protocol": protocol, "milter_default_action": default_action,
                         **settings}

    @classmethod
    def missing(cls):
        absent = super().missing()
        if not absent and os.geteuid() != 0:
            absent = "postfix: only root can start it"
        return absent

    @classmethod
    def version(cls):
        return f"Postfix {compiled_in('mail_version') or '?'}"

    def launch(self):
        os.chmod(self.folder, 0o755)  # its processes are not root
        self.take_port()
        self.take_port()
        self.reserve_milter()
        self._configure()
        self._command("postfix", "check")  # makes the queue's folders, too
        # Not `postfix start`: so all of it stays in our process group. It changes its user, which
        # undoes the signal at our death; -e ends it then.
        master = os.path.join(compiled_in("daemon_directory"), "master")
        self.spawn([master, "-c", self.path("conf"), "-d", "-e", LIFE_SECONDS],
                   lambda: listens(self.port))

    def stop(self):
        if self.alive():
            self._run("postfix", "stop")  # what is left then, is ended as a group
        super().stop()

    @property
    def proxy_port(self):
        """Like `port`, for clients that begin with a line of the PROXY protocol: the way to a client
        address that leaves the milter's connection alone, which XCLIENT ends and begins anew."""
        return self.ports[1]

    def queue(self):
        """What waits: [{"queue_name": "deferred", "queue_id": ..., "sender": ...}, ...]."""
        done = self._command("postqueue", "-j")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def queue_files(self):
        """Names of all files of all queues, also of messages that are not complete."""
        names = ("incoming", "active", "deferred", "hold", "corrupt", "maildrop")
        found = [glob.glob(self.path(f"queue/{name}/**"), recursive=True) for name in names]
        return sorted(path for paths in found for path in paths if os.path.isfile(path))

    def content(self, queue_id):
        """A message of the queue as it would be delivered."""
        return self._command("postcat", "-hbq", queue_id).stdout

    def lines(self, text):
        """Lines of its log that hold the text."""
        log = tail(self.path("postfix.log"), 5000)
        return [line for line in log.splitlines() if text in line]

    def _configure(self):
        transport = f"smtp:[127.0.0.1]:{self.sink}" if self.sink else "smtp:[127.0.0.1]:9"
        values = {"folder": self.folder, "milter": self.milter_port, "port": self.port,
                  "proxy": self.proxy_port, "transport": transport,
                  "deferred": "" if self.sink else "smtp"}
        for name in ("conf", "queue", "data"):
            os.mkdir(self.path(name), 0o755)
        shutil.chown(self.path("data"), compiled_in("mail_owner"))
        parameters = {key: value.format(**values) for key, value in MAIN.items()}
        parameters.update(self.settings)
        self.write("conf/main.cf", "".join(f"{key} = {value}\n"
                                           for key, value in parameters.items()))
        self.write("conf/master.cf", "".join(
            f"{name.format(**values)} {kind} {private} - n - {limit} {program}\n"
            for private, rows in (("y", PRIVATE), ("n", PUBLIC))
            for name, kind, limit, program in rows))

    def _run(self, program, *words):
        return subprocess.run([find_program(program), "-c", self.path("conf"), *words], check=False,
                              capture_output=True, text=True, errors="backslashreplace")

    def _command(self, program, *words):
        done = self._run(program, *words)
        if done.returncode:
            raise PeerError(f"{program} {' '.join(words)}: {done.stderr}\n{self.log()}")
        return done


class SecurePostfix(Postfix):
    """It offers STARTTLS, with a certificate that nobody signed, and AUTH by these `mechanisms` to
    `users`: {name: password}. `logins` is a file of them, as `--smtp-auth` has it."""

    programs = (*Postfix.programs, "openssl", "saslpasswd2")

    def __init__(self, users, mechanisms="PLAIN LOGIN", **words):
        super().__init__(**words)
        self.users = users
        self.mechanisms = mechanisms

    @property
    def certificate(self):
        return self.path("conf/tls.pem")

    @property
    def logins(self):
        return self.path("logins")

    def _configure(self):
        texts = {key: value.format(folder=self.folder) for key, value in SECURE.items()}
        self.settings = {**texts, **self.settings}
        super()._configure()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", "/CN=mx.example.com", "-addext",
                "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", self.path("conf/tls.key"),
                "-out", self.certificate)
        self.write("conf/sasl/smtpd.conf",
                   SASL.format(folder=self.folder, mechanisms=self.mechanisms))
        self.write("logins", "".join(f"{user}:{word}\n" for user, word in self.users.items()))
        for user, password in self.users.items():
            subprocess.run([find_program("saslpasswd2"), "-c", "-p", "-f", self.path("sasldb2"), "-u",
                            MAIN["myhostname"], user], check=True, input=password, text=True)
        shutil.chown(self.path("sasldb2"), compiled_in("mail_owner"))
