# SPDX-License-Identifier: MIT
"""milterdrill record with TLS on either side, and with certificates that do not do."""

import os
import re
import ssl
import subprocess

import pytest

from fakes import read_frame
from recorder import Recorder
from talks import OFFER, connect, milter, record, say, shape


def test_tls_on_either_side(drill, work):
    """The milter's side is another recorder's listening side."""
    inner, outer = os.path.join(work, "inner"), os.path.join(work, "outer")
    os.mkdir(inner)
    os.mkdir(outer)
    ca = os.path.join(work, "ca.pem")
    with milter() as fake, \
            Recorder(drill, inner, fake.address, "--listen-tls", "--tls-ca-out", ca) as behind, \
            Recorder(drill, outer, behind.address, "--milter-tls", "--tls-ca", ca) as before:
        say(before)
    assert shape(before.recordings()[0]) == shape(behind.recordings()[0])
    assert "heliotrope" in before.texts()[0]


def made_certificate(work, name):
    """A self-signed one for 127.0.0.1, and its key."""
    cert, key = (os.path.join(work, f"{name}.{what}.pem") for what in ("cert", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-noenc", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert, "-days", "2"], check=True, capture_output=True)
    return cert, key


def test_tls_with_a_certificate_of_one_s_own(drill, work):
    cert, key = made_certificate(work, "own")
    context = ssl.create_default_context(cafile=cert)
    with milter() as fake, Recorder(drill, work, fake.address, "--listen-tls", "--listen-cert",
                                    cert, "--listen-key", key) as recorder:
        with context.wrap_socket(connect(recorder), server_hostname="127.0.0.1") as mta:
            mta.sendall(OFFER)
            assert read_frame(mta)[0] == b"O"
    assert "> optneg" in recorder.texts()[0]


def test_certificates_that_do_not_do(drill, work):
    cert, key = made_certificate(work, "own")
    _, other = made_certificate(work, "other")
    nowhere = os.path.join(work, "nowhere.pem")
    locked = os.path.join(work, "locked.pem")
    subprocess.run(["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:secret", "-out",
                    locked], check=True, capture_output=True)
    own = ("--listen-tls", "--listen-cert")
    for options, says in (((*own, nowhere, "--listen-key", key), "nowhere.pem: no certificate"),
                          ((*own, cert, "--listen-key", nowhere), "nowhere.pem: no key"),
                          ((*own, cert, "--listen-key", other), "other.key.pem: no key of that"),
                          ((*own, cert, "--listen-key", locked), "without a passphrase"),
                          ((*own, cert), "go together"),
                          (("--listen-cert", cert, "--listen-key", key), "goes with --listen-tls")):
        record(drill, work, *options).check_exit(2).check_one_error().check_err(says)


def test_a_certificate_that_is_not_trusted_is_named(drill, work):
    inner, outer = os.path.join(work, "inner"), os.path.join(work, "outer")
    os.mkdir(inner)
    os.mkdir(outer)
    with milter() as fake, Recorder(drill, inner, fake.address, "--listen-tls") as behind, \
            Recorder(drill, outer, behind.address, "--milter-tls") as before:
        with pytest.raises(ConnectionResetError), connect(before) as mta:
            mta.recv(1)
    assert re.search("^# .*certificate", before.texts()[0], re.MULTILINE), before.texts()
    assert "could not be reached" in before.texts()[0]
