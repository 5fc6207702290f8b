# SPDX-License-Identifier: MIT
"""The client of --smtp with STARTTLS and AUTH: at a real Postfix, which tells its milter of both, and
at MTAs that do not keep to the rules."""

import os
import ssl

import pytest

from asking import SECONDS, against, question, running
from fakes import Fake, read_all
from peers.base import openssl
from peers.postfix import SecurePostfix

USERS = {"alice": "se:cret word", "bob": "hunter2"}
QUESTION = 'drill 1 "a question to Postfix" tests=mta\nmta postfix\n'
END = "< continue\n...\n> bodyeob\n< accept\nverdict accept\n"
TLS = '...\n> macro stage=helo {tls_version}=~"TLSv1.?" {cipher}=~"?*" {cipher_bits}=~"?*"\n> helo\n'
LOGIN = '...\n> macro stage=mail {auth_type}="PLAIN" {auth_authen}="alice"\n> mail\n'


@pytest.fixture(scope="module", name="postfix")
def fixture_postfix():
    yield from running(SecurePostfix, USERS)


@pytest.fixture(scope="module", name="submission")
def fixture_submission():
    """Takes a login in TLS only, and by LOGIN only."""
    yield from running(SecurePostfix, USERS, mechanisms="LOGIN", smtpd_tls_auth_only="yes")


@pytest.fixture(name="ask")
def fixture_ask(drill, work):
    def play(peer, text, *options):
        return drill("run", *against(peer), *options, question(work, QUESTION + text))

    return play


# ---- Postfix ----

def test_the_milter_hears_of_tls(ask, postfix):
    ask(postfix, "client tls=yes\n" + TLS + END).check_exit(0)
    ask(postfix, "client\n...\n> macro stage=helo {tls_version}=absent\n> helo\n" + END).check_exit(0)


def test_the_milter_hears_of_a_login(ask, postfix):
    ask(postfix, 'client auth="alice"\n' + LOGIN + END, "--smtp-auth", postfix.logins).check_exit(0)


def test_tls_and_a_login_and_xclient(ask, postfix):
    text = ('client auth="alice" tls=yes addr="198.51.100.7"\n...\n> connect address="198.51.100.7"\n'
            + "< continue\n" + TLS + "< continue\n" + LOGIN + END)
    ask(postfix, text, "--smtp-auth", postfix.logins, "--xclient").check_exit(0)


def test_sessions_are_secured_each_for_itself(ask, postfix):
    absent = "{tls_version}=absent"
    text = ("client tls=yes\nclient\n" + 'client tls=yes auth="bob"\n' + TLS +
            f"< continue\n...\n> quit\n...\n> macro stage=helo {absent}\n> helo\n< continue\n" + TLS +
            '< continue\n...\n> macro stage=mail {auth_authen}="bob"\n> mail\n'
            "< continue\n...\n> bodyeob\n< accept\nverdict message=1..3 accept\n")
    ask(postfix, text, "--smtp-auth", postfix.logins).check_exit(0)


def test_a_login_that_is_taken_in_tls_only(ask, submission):
    text = 'client auth="alice"\n' + TLS + "< continue\n" + LOGIN.replace("PLAIN", "LOGIN") + END
    ask(submission, text, "--smtp-auth", submission.logins).check_exit(0)


def test_concurrent_sessions_log_in(ask, postfix):
    text = ('client auth="alice" tls=yes\nconcurrently 9 {\n' + LOGIN + "meet\n" +
            END + "}\n")
    ask(postfix, text, "--smtp-auth", postfix.logins).check_exit(0)


def test_a_wrong_password_fails_with_what_the_mta_said(ask, postfix, work):
    path = os.path.join(work, "wrong")
    with open(path, "w", encoding="utf-8") as out:
        out.write("alice:hunter1\n")
    done = ask(postfix, 'client auth="alice"\n' + LOGIN + END, "--smtp-auth", path).check_exit(1)
    assert "the MTA refuses the client's login" in done.out and "535 5.7.8" in done.out
    assert f"--smtp-auth {path}" in done.out


def test_a_password_is_not_shown(ask, postfix):
    text = 'client auth="alice"\n' + LOGIN + END.replace("accept", "reject")
    for options in ([], ["-v"], ["-v", "--format", "jsonl"]):
        done = ask(postfix, text, "--smtp-auth", postfix.logins, *options).check_exit(0, 1)
        assert "cret" not in done.out + done.err and "c2U6Y3JldCB3b3Jk" not in done.out + done.err


@pytest.mark.parametrize("client,words,why", [
    ('auth="alice"', [], "--smtp-auth FILE"),
    ('auth="carol"', ["--smtp-auth", "{logins}"], "does not have that login")])
def test_a_login_that_nobody_has_is_skipped(ask, postfix, client, words, why):
    words = [word.format(logins=postfix.logins) for word in words]
    assert why in ask(postfix, f"client {client}\n" + LOGIN + END, *words).check_exit(77).out


def test_the_certificate_counts_if_a_ca_is_named(ask, postfix, work):
    text = "client tls=yes\n" + TLS + END
    ask(postfix, text, "--tls-ca", postfix.certificate).check_exit(0)
    other = os.path.join(work, "other.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=other", "-keyout", other + ".key", "-out", other)
    done = ask(postfix, text, "--tls-ca", other).check_exit(1)
    assert "the MTA's certificate is not valid" in done.out


# ---- the command line ----

PLAIN = "scenarios/state/clean-end-of-a-session.drill"
LISTEN = ["run", "--listen", "inet:0@127.0.0.1", "--smtp", "127.0.0.1:9", "--smtp-auth"]


@pytest.mark.parametrize("text,line,why", [
    ("alice\n", 1, "user:password"), ("a:b\r\n:b\n", 2, "user:password"),
    ("#\n\na:b\nc:\0\n", 4, "NUL"), ("a:" + "x" * 256, 1, "255 bytes")], ids=["no-colon", "no-name", "nul", "long"])
def test_a_file_of_logins_is_read_to_the_last_line(drill, work, text, line, why):
    path = os.path.join(work, "logins")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    done = drill(*LISTEN, path, PLAIN).check_exit(2)
    assert f"{path}:{line}:1: " in done.err and why in done.err
    assert "alice" not in done.err  # what stands there may be half a password


def test_logins_need_somebody_to_tell_them(drill):
    assert "--smtp ADDR" in drill("run", "--sim", "--smtp-auth", "x", PLAIN).check_exit(2).err
    assert "/nonexistent" in drill(*LISTEN, "/nonexistent", PLAIN).check_exit(2).err


# ---- other MTAs ----

EHLO = b"250-mx.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"


def lines_answered(connection, replies):
    """Says the next reply when a line has come; returns what came."""
    got = []
    with connection.makefile("rb") as lines:
        for reply in replies:
            connection.sendall(reply)
            got.append(lines.readline())
    return got


def at_a_fake(any_drill, work, talk, text="client tls=yes\n...\n> bodyeob\n< accept\n"):
    with Fake(talk) as fake:
        return any_drill("run", "--listen", "inet:0@127.0.0.1", "--smtp", fake.address, "--timeout",
                         f"{SECONDS}s", question(work, QUESTION + text))


def test_replies_behind_that_to_starttls_are_not_believed(any_drill, work):
    heard = []

    def talk(connection):
        heard.extend(lines_answered(connection, [b"220 mx\r\n", EHLO]))
        connection.sendall(b"220 ready\r\n" + EHLO)
        heard.append(connection.recv(100))

    done = at_a_fake(any_drill, work, talk).check_exit(1)
    assert "bytes in plain stand behind the reply to STARTTLS" in done.out
    assert heard[-1] == b""


@pytest.mark.parametrize("said,why", [
    (b"250 go on in plain\r\n", "the MTA does not speak TLS"),
    (b"", "the MTA ended the connection in the TLS handshake")])
def test_a_handshake_that_does_not_come(any_drill, work, said, why):
    def talk(connection):
        lines_answered(connection, [b"220 mx\r\n", EHLO])
        connection.sendall(b"220 ready\r\n")
        connection.recv(10)  # of a ClientHello
        connection.sendall(said)
        if said:
            read_all(connection)

    assert why in at_a_fake(any_drill, work, talk).check_exit(1).out


def test_tls_ends_without_a_word(any_drill, work):
    """Behind the handshake a FIN is an end like any other: the client is told nothing."""
    key, cert = os.path.join(work, "key.pem"), os.path.join(work, "cert.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=fake", "-keyout", key, "-out", cert)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    heard = []

    def talk(connection):
        lines_answered(connection, [b"220 mx\r\n", EHLO])
        connection.sendall(b"220 ready\r\n")
        with context.wrap_socket(connection, server_side=True) as tls:
            heard.append(tls.recv(100))

    at_a_fake(any_drill, work, talk).check_exit(1)
    assert heard == [b"EHLO client.example\r\n"]
