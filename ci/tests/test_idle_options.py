# SPDX-License-Identifier: MIT
"""An option that would do nothing is refused, with what it does not go with."""

import json

import pytest

from fakes import Fake, milter

SOME = "scenarios/state/accept-early-stalwart-goes-on.drill"
MAIL = "scenarios/messages/plain.eml"
MILTER, LISTEN = ("--milter", "inet:1@127.0.0.1"), ("--listen", "inet:0@127.0.0.1")
SMTP = ("--smtp", "inet:1@127.0.0.1")
MODEL, MODEL_MTA = ("--milter", "sim:libmilter"), ("--listen", "sim:stalwart")

RUN = [
    (MILTER + SMTP, "--smtp", "--listen"), (MODEL_MTA + SMTP, "--smtp", "sim:MODEL"),
    (LISTEN + ("--sink", "inet:1@127.0.0.1"), "--sink", "--smtp"),
    (LISTEN + ("--xclient",), "--xclient", "--smtp"), (LISTEN + ("--proxy",), "--proxy", "--smtp"),
    (MODEL + ("--tls-ca", "x"), "--tls-ca", "sim:MODEL"),
    (MODEL_MTA + ("--tls-ca-out", "x"), "--tls-ca-out", "sim:MODEL"),
    (LISTEN + ("--mta", "postfix"), "--mta", "--listen"),
    (LISTEN + ("--set", "a=b"), "--set", "--listen"),
    (MODEL_MTA + ("--mta", "postfix"), "--mta", "sim:MODEL"),
    (MILTER + ("--splits", "all"), "--splits", "--sim"),
    (LISTEN + ("--cut-everywhere",), "--cut-everywhere", "--sim"),
    (("--sim", "--seed", "1"), "--seed", "--splits"), (MILTER + ("--strict",), "--strict", "--expect"),
    (("--sim", "--repeat", "2", "-v"), "--verbose", "--repeat"),
    (("--sim", "--repeat", "2", "--splits", "2"), "--repeat", "--splits"),
]
DIAGNOSE = ("--recording", SOME)
MTA = LISTEN + SMTP + DIAGNOSE
DIAGNOSES = [
    (MILTER + DIAGNOSE + ("--smtp", "x"), "--smtp", "--listen"),
    (MILTER + DIAGNOSE + ("--sink", "x"), "--sink", "--listen"),
    (MILTER + DIAGNOSE + ("--tls-ca-out", "x"), "--tls-ca-out", "--listen"),
    (MILTER + ("--message", MAIL, "--root", "x"), "--root", "--recording"),
    (MODEL + ("--message", MAIL, "--log", MAIL), "--log", "sim:MODEL"),
    (MODEL + ("--message", MAIL, "--milter-command", "true"), "--milter-command", "sim:MODEL"),
    *((MTA + (option, "x=y:1"), option, "--listen")
      for option in ("--error", "--mta", "--set", "--tls-ca", "--milter-command", "--from", "--rcpt",
                     "--arg", "--client", "--client-name", "--helo", "--auth")),
    (MTA + ("--macro", "mail:a=b"), "--macro", "--listen"),
]


@pytest.mark.parametrize("words, option, other", RUN, ids=lambda value: str(value))
def test_run(drill, words, option, other):
    drill("run", *words, SOME).check_exit(2).check_one_error().check_err(f"{option} does nothing",
                                                                         other)


@pytest.mark.parametrize("words, option, other", DIAGNOSES, ids=lambda value: str(value))
def test_diagnose(drill, words, option, other):
    drill("diagnose", *words).check_exit(2).check_one_error().check_err(f"{option} does nothing",
                                                                        other)


@pytest.mark.parametrize("words, says", [
    (("check", "--sim", "--repeat", "2", SOME), "--repeat does nothing with check"),
    (("send", *MODEL, "--message", MAIL, "--format", "jsonl", "-v"), "--verbose does nothing with"),
    (("send", *MODEL, "--message", MAIL, "--tls-ca", "x"), "--tls-ca does nothing without TLS"),
    (("send", *MODEL, "--message", MAIL, "--tls-ca", "x", "--set", "useTls=true"),
     "--tls-ca does nothing with sim:MODEL"),
    (("send", *MODEL, *MODEL, "--message", MAIL, "--save", "x"), "--save does nothing with several"),
    (("lint", "-v", SOME), "there is no option -v"), (("fmt", "-v", SOME), "there is no option -v"),
    (("fmt", "--check", "--write", SOME), "--check and --write"),
    (("dump", "--from", "mta", SOME, MAIL), "one file at a time"),
    (("import", "--port", "3", "--from", "mta", SOME), "--port does nothing with --from"),
    (("import", "--port", "3", SOME), "--port does nothing with what is no capture"),
    (("import", "--hex", SOME), "--hex does nothing without --from"),
    (("diagnose", *MODEL, "--message", MAIL, "--error", "it is odd"), "has no errno"),
])
def test_the_others(drill, words, says):
    drill(*words).check_exit(2).check_one_error().check_err(says)


def test_a_model_of_an_mta_is_the_one_that_is_named(drill, work):
    """Of a file that names none."""
    path = f"{work}/x.drill"
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "who are you" tests=mta\n...\n')
    told = {mta: drill("run", "--listen", f"sim:{mta}", "--format", "jsonl", "-v", path).check_exit(0)
            .of("frame") for mta in ("stalwart", "postfix")}
    assert told["postfix"] and told["postfix"] != told["stalwart"]
    drill("run", "--listen", "sim:postfix", "--set", "nonsense=1", path).check_exit(2)\
        .check_err("nonsense")


def test_options_say_otherwise_than_the_recording(drill, work):
    """Who sends it, and to whom, in place of what stands there."""
    path = f"{work}/x.drill"
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "a recording" tests=milter\nclient addr="192.0.2.9" helo="old.example.org"\n'
                  'message from="<old@example.org>" rcpt="<old@example.com>"\n...\n')
    with Fake(milter) as fake:
        told = drill("diagnose", "--milter", fake.address, "--recording", path, "--client",
                     "2001:db8::9", "--from", "new@example.org", "--rcpt", "new@example.com",
                     "--helo", "new.example.org").check_exit(0)
        told.check_out("client 2001:db8::9, from <new@example.org> to <new@example.com>")
        drill("diagnose", "--milter", fake.address, "--recording", path).check_exit(0)\
            .check_out("client 192.0.2.9, from <old@example.org> to <old@example.com>")


def test_a_budget_of_seconds_counts_for_a_model_too(drill, work):
    path = f"{work}/big.eml"
    with open(path, "wb") as out:
        out.write(b"From: a@example.org\r\nTo: b@example.com\r\nX-Big: " + b"b" * 70_000 + b"\r\n\r\n" +
                  b"0123456789\r\n" * 100_000)
    verdict = json.loads(drill("diagnose", *MODEL, "--message", path, "--json", "--budget",
                               "seconds=1,sessions=1000000", timeout=120).check_exit(0, 1).out)
    assert verdict["seconds"] > 0
