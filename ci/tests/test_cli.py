# SPDX-License-Identifier: MIT
"""The command line: exit codes, one clear error each, nothing written half."""

import os
import socket
import subprocess

import pytest

from fakes import Fake, answers, greets, milter
from peers.base import free_port
from peers.harness import ROOT

PLAIN = os.path.join(ROOT, "scenarios", "messages", "plain.eml")
COMMANDS = ("run", "send", "dump", "lint", "fmt")
GOOD = 'drill 1 "a plain session" tests=milter\n...\nverdict accept\n'


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write(text)
    return path


def send(drill, address, *more, message=PLAIN):
    return drill("send", "--milter", address, "--message", message, *more)


def test_version_is_one_line(drill):
    result = drill("--version").check_exit(0)
    assert result.out.startswith("milterdrill ") and result.out.count("\n") == 1, result.dump("")


def test_help_names_every_command(drill):
    drill("--help").check_exit(0).check_out(*COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(drill, command):
    drill(command, "--help").check_exit(0).check_out(command)


@pytest.mark.parametrize("args", [(), ("nonsense",), ("--nonsense",), ("run",), ("send",),
                                  ("lint",), ("run", "--nonsense", "x.drill"),
                                  ("send", "--milter"), ("run", "--sim", "--repeat", "no", "x")])
def test_wrong_usage_is_2(drill, args):
    result = drill(*args).check_exit(2)
    assert not result.out and result.err.strip(), result.dump("expected a text on stderr only")


def test_a_mistyped_command_is_named_with_the_nearest(drill):
    drill("sned").check_exit(2).check_err("send")


@pytest.mark.parametrize("address", ["", "nonsense", "inet:99999@127.0.0.1", "inet:x@127.0.0.1",
                                     "ftp:1@127.0.0.1", "unix:", "sim:nonsense",
                                     "unix:/" + "x" * 200])
def test_wrong_address_is_2(drill, address):
    send(drill, address).check_exit(2).check_one_error()


def test_unknown_host_is_2_or_99(drill):
    result = send(drill, "inet:25@no-such-host.invalid").check_exit(2, 99).check_one_error()
    result.check_err("no-such-host.invalid")


@pytest.mark.parametrize("command", ["send", "run"])
def test_refused_connection_is_99(drill, work, command):
    address = f"inet:{free_port()}@127.0.0.1"
    if command == "send":
        result = send(drill, address)
    else:
        result = drill("run", "--milter", address, write(work, "x.drill", GOOD))
    result.check_exit(99)
    assert "refused" in (result.out + result.err).lower(), result.dump("should say why")


def test_missing_unix_socket_is_99(drill, work):
    path = os.path.join(work, "none.sock")
    result = send(drill, f"unix:{path}").check_exit(99)
    assert path in result.out + result.err, result.dump("should name the socket")


def test_missing_message_is_2(drill, work):
    path = os.path.join(work, "none.eml")
    send(drill, "sim:libmilter", message=path).check_exit(2).check_one_error().check_err(path)


def test_a_folder_as_message_is_2(drill, work):
    send(drill, "sim:libmilter", message=work).check_exit(2).check_one_error()


def test_mbox_is_refused_with_the_way_out(drill, work):
    path = write(work, "x.mbox", "From alice@example.org Fri Jun 12 09:00:00 2026\n"
                 "From: <alice@example.org>\n\nHello.\n")
    result = send(drill, "sim:libmilter", message=path).check_exit(2).check_one_error()
    result.check_err("mbox")


def test_missing_scenario_is_2(drill, work):
    path = os.path.join(work, "none.drill")
    for command in (("run", "--sim"), ("lint",), ("fmt", "--check")):
        drill(*command, path).check_exit(2).check_err(path)


@pytest.mark.parametrize("command", [("run", "--sim"), ("lint",), ("fmt", "--check")])
def test_malformed_scenario_tells_every_error_with_its_place(drill, work, command):
    path = write(work, "bad.drill", 'drill 1 "bad"\n> helo nmae="x"\n...\n< contniue\n')
    result = drill(*command, path).check_exit(2)
    told = result.out + result.err
    for place in ("bad.drill:2:", "bad.drill:4:"):
        assert place in told, result.dump(f"lacks {place}")
    assert "^" in told, result.dump("no caret")


def test_a_binary_file_is_no_scenario(drill, work):
    path = os.path.join(work, "x.drill")
    with open(path, "wb") as out:
        out.write(bytes(range(256)) * 40)
    for command in (("run", "--sim"), ("lint",), ("fmt", "--check")):
        drill(*command, path).check_exit(2)


def test_fmt_write_leaves_a_malformed_file_alone(drill, work):
    text = 'drill 1 "bad"\n> nonsense\n'
    path = write(work, "bad.drill", text)
    drill("fmt", "--write", path).check_exit(2)
    with open(path, encoding="utf-8") as kept:
        assert kept.read() == text


def test_fmt_check_and_write(drill, work):
    path = write(work, "x.drill", 'drill 1   "a plain session"  tests=milter\n   ...\n')
    drill("fmt", "--check", path).check_exit(2)
    drill("fmt", "--write", path).check_exit(0)
    drill("fmt", "--check", path).check_exit(0)


def test_a_scenario_for_the_other_side_is_skipped(drill, work):
    path = write(work, "x.drill", 'drill 1 "asks an MTA" tests=mta\n...\n')
    with Fake(milter) as fake:
        drill("run", "--milter", fake.address, path).check_exit(77)


def test_usage_errors_stand_over_everything_else(drill, work):
    """2 over 99 over 1 over 0."""
    address = f"inet:{free_port()}@127.0.0.1"
    good = write(work, "x.drill", GOOD)
    drill("run", "--milter", address, good, os.path.join(work, "none.drill")).check_exit(2)


OTHER_PROTOCOLS = {
    "clamd": answers(b"UNKNOWN COMMAND\n"),
    "http": answers(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
    "tls": answers(b"\x15\x03\x03\x00\x02\x02\x46"),
    "smtp": greets(b"220 mail.example.org ESMTP\r\n"),
    "redis": answers(b"-ERR unknown command\r\n"),
}


@pytest.mark.parametrize("name", sorted(OTHER_PROTOCOLS))
def test_a_peer_that_speaks_something_else_is_named(drill, work, name):
    saved = os.path.join(work, "saved.drill")
    with Fake(OTHER_PROTOCOLS[name]) as fake:
        result = send(drill, fake.address, "--save", saved).check_within(20)
    result.check_exit(99)
    told = (result.out + result.err).lower()
    assert name in told, result.dump(f"does not say that this is {name}")


def test_stdout_closed_early_is_no_crash(drill):
    """Never die of SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [drill.binary, "send", "--milter", "sim:libmilter", "--message", PLAIN]
    code = subprocess.run(words, stdout=writer, check=False).returncode
    os.close(writer)
    assert code in (0, 1, 2), code


@pytest.mark.parametrize("form", ["inet:{}@127.0.0.1", "127.0.0.1:{}", "inet:127.0.0.1:{}",
                                  "inet:{}@localhost"])
def test_address_forms(drill, form):
    with Fake(milter) as fake:
        send(drill, form.format(fake.port)).check_exit(0)


@pytest.mark.parametrize("form", ["inet6:{}@::1", "[::1]:{}"])
def test_ipv6_address_forms(drill, form):
    with Fake(milter, ("::1", 0), socket.AF_INET6) as fake:
        send(drill, form.format(fake.port)).check_exit(0)


@pytest.mark.parametrize("form", ["unix:{}", "local:{}", "{}"])
def test_unix_address_forms(drill, work, form):
    path = os.path.join(work, "m.sock")
    with Fake(milter, path, socket.AF_UNIX):
        send(drill, form.format(path)).check_exit(0)
