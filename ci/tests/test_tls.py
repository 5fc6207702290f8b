# SPDX-License-Identifier: MIT
"""TLS from the first byte, against another implementation's use of it: Python's ssl."""

import contextlib
import os
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from fakes import DEADLINE, Fake, milter, read_all, read_exactly, reply_to
from peers.base import free_port
from peers.harness import ROOT

PLAIN = os.path.join(ROOT, "scenarios", "messages", "plain.eml")
OFFER = struct.pack(">IcIII", 13, b"O", 6, 0x1ff, 0)
QUIT = struct.pack(">Ic", 1, b"Q")
GREET = 'drill 1 "an offer and an answer" tests={}\n{}> optneg\n< optneg\n> quit\n'
REFUSE = 'drill 1 "this certificate is refused" tests=mta\ntls cert={}\n> open\n> hangup\n'


class Certificates:
    """A CA, and certificates of servers that it signed."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = self.path("ca.pem")
        self._make("ca", "/CN=test CA", "basicConstraints=critical,CA:TRUE")

    def path(self, name):
        return os.path.join(self.folder, name)

    def _make(self, name, subject, extension, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", subject,
                        "-addext", extension, "-keyout", self.path(name + ".key"), "-out",
                        self.path(name + ".pem"), *more], check=True, capture_output=True)

    def server(self, name, names, signed=True):
        """A server's context."""
        signer = ["-CA", self.ca, "-CAkey", self.path("ca.key")] if signed else []
        self._make(name, "/CN=server", f"subjectAltName={names}", *signer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        return context


@pytest.fixture(scope="module", name="certificates")
def fixture_certificates(tmp_path_factory):
    return Certificates(str(tmp_path_factory.mktemp("tls")))


def over_tls(context, talk):
    """For a Fake."""
    def wrapped(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            talk(tls)
    return wrapped


def send(drill, fake, *more):
    return drill("send", "--milter", fake.address, "--message", PLAIN, "--mta", "stalwart",
                 "--set", "useTls=true", *more)


def write(folder, text):
    path = os.path.join(folder, "x.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


# ---- as the MTA ----

def test_mail_is_sent_through_tls(drill, certificates):
    context = certificates.server("good", "IP:127.0.0.1")
    with Fake(over_tls(context, milter)) as fake:
        send(drill, fake, "--tls-ca", certificates.ca).check_exit(0)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls(drill, certificates, version):
    context = certificates.server("version", "IP:127.0.0.1")
    context.minimum_version = context.maximum_version = version
    with Fake(over_tls(context, milter)) as fake:
        send(drill, fake, "--tls-ca", certificates.ca).check_exit(0)


@pytest.mark.parametrize("name,names,signed,reason", [
    ("self-signed", "IP:127.0.0.1", False, "self-signed certificate"),
    ("wrong-name", "DNS:other.example", True, "it is not for 127.0.0.1")])
def test_a_certificate_is_checked(drill, certificates, name, names, signed, reason):
    context = certificates.server(name, names, signed)
    with Fake(over_tls(context, milter)) as fake:
        result = send(drill, fake, "--tls-ca", certificates.ca).check_exit(99).check_out(reason)
        assert "log:" not in result.out, result.dump("Stalwart's own words are not known")
        send(drill, fake, "--set", "allowInvalidCerts=true").check_exit(0)


def test_the_systems_cas_do_not_know_it(drill, certificates):
    context = certificates.server("unknown", "IP:127.0.0.1")
    with Fake(over_tls(context, milter)) as fake:
        send(drill, fake).check_exit(99).check_out("certificate is not valid")


def test_a_milter_without_tls_is_named(drill):
    def answers_at_once(connection):
        connection.sendall(reply_to(b"O"))
        read_all(connection)

    with Fake(answers_at_once) as fake:
        result = send(drill, fake).check_exit(99)
    result.check_out("does not speak TLS", "00 00 00 0d 4f", "a milter frame in plain")


def test_a_milter_that_waits_for_more_is_named(drill):
    with Fake(read_all) as fake:
        result = send(drill, fake, "--set", "timeoutCommand=500ms", "--set", "timeoutConnect=500ms")
    result.check_exit(1, 99).check_out("the TLS handshake had not come to its end")


def test_a_milter_with_tls_is_named_in_plain(drill, certificates):
    context = certificates.server("named", "IP:127.0.0.1")
    with Fake(over_tls(context, milter)) as fake:
        result = drill("send", "--milter", fake.address, "--message", PLAIN)
    result.check_exit(1, 99).check_out("TLS")


def test_a_fin_without_close_notify_is_noted(drill, certificates):
    def leaves(connection):
        connection.recv(100)
        connection.shutdown(socket.SHUT_WR)  # SSLSocket: of the socket only
        with contextlib.suppress(OSError):
            while connection.recv(4096):  # until the other side has closed, too
                pass

    context = certificates.server("leaves", "IP:127.0.0.1")
    with Fake(over_tls(context, leaves)) as fake:
        result = send(drill, fake, "--tls-ca", certificates.ca).check_exit(1)
    result.check_out("by FIN", "closed without close_notify")


def test_a_ca_file_that_is_none_is_2(drill, work):
    with Fake(milter) as fake:
        path = write(work, "no certificate\n")
        send(drill, fake, "--tls-ca", path).check_exit(2).check_one_error().check_err(path)


def test_the_tls_line_as_mta(drill, certificates, work):
    path = write(work, GREET.format("milter", "tls\n"))
    context = certificates.server("line", "DNS:localhost")
    with Fake(over_tls(context, milter)) as fake:
        drill("run", "--milter", f"inet:{fake.port}@localhost", "--tls-ca", certificates.ca,
              path).check_exit(0)
        result = drill("run", "--milter", fake.address, "--tls-ca", certificates.ca, path)
        result.check_exit(99).check_out("it is not for 127.0.0.1")


def test_a_simulation_skips_the_tls_line(drill, work):
    path = write(work, GREET.format("milter", "tls\n"))
    drill("run", "--sim", path).check_exit(77).check_out("line 2: `tls` is, in a simulation,")


# ---- as the milter ----

class Mta(threading.Thread):
    """Connects, once somebody listens, and makes an offer. `trust`: a CA's file; None: plain."""

    def __init__(self, port, trust=None, notify=True):
        super().__init__()
        self.port, self.trust, self.notify = port, trust, notify
        self.failed = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.join(DEADLINE)

    def connect(self):
        end = time.monotonic() + DEADLINE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), DEADLINE)
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def run(self):
        try:
            with self.connect() as connection:
                if not self.trust:
                    self.talk(connection)
                    return
                context = ssl.create_default_context(cafile=self.trust)
                with context.wrap_socket(connection, server_hostname="127.0.0.1") as tls:
                    self.talk(tls)
        except OSError as error:
            self.failed = error

    def talk(self, connection):
        connection.sendall(OFFER)
        read_exactly(connection, 17)
        connection.sendall(QUIT)
        if self.trust and self.notify:
            connection.unwrap()


def listen(drill, work, text, **options):
    """(result, what failed on the MTA's side)."""
    port = free_port()
    ca = os.path.join(work, "ca.pem")
    trust = ca if options.pop("tls", True) else None
    with Mta(port, trust, **options) as mta:
        result = drill("run", "--listen", f"inet:{port}@127.0.0.1", "--tls-ca-out", ca,
                       "--timeout", "20s", write(work, text))
    return result, mta.failed


@pytest.mark.parametrize("notify", [True, False])
def test_an_mta_trusts_the_good_certificate(drill, work, notify):
    result, failed = listen(drill, work, GREET.format("mta", "tls cert=good\n"), notify=notify)
    result.check_exit(0)
    assert not failed, failed


@pytest.mark.parametrize("cert,reason", [("expired", "has expired"),
                                         ("self-signed", "self-signed"),
                                         ("wrong-name", "IP address mismatch")])
def test_an_mta_refuses_a_bad_certificate(drill, work, cert, reason):
    result, failed = listen(drill, work, REFUSE.format(cert))
    result.check_exit(0)
    assert isinstance(failed, ssl.SSLCertVerificationError) and reason in str(failed)


def test_an_mta_that_refuses_none_fails(drill, work):
    result, _ = listen(drill, work, REFUSE.format("good"))
    result.check_exit(1).check_out("> optneg")


def test_an_mta_without_tls_is_named(drill, work):
    result, failed = listen(drill, work, GREET.format("mta", "tls\n"), tls=False)
    result.check_exit(1).check_out("the MTA does not speak TLS", "a milter frame in plain")
    assert failed


@pytest.mark.parametrize("words", [("--sim", "--tls-ca", "x"), ("--sim", "--tls-ca-out", "x"),
                                   ("--milter", "127.0.0.1:1", "--tls-ca-out", "x"),
                                   ("--listen", "127.0.0.1:0", "--tls-ca", "x")])
def test_options_of_the_other_side_are_2(drill, work, words):
    drill("run", *words, write(work, GREET.format("mta", ""))).check_exit(2).check_err("--tls-ca")
