# SPDX-License-Identifier: MIT
"""A plain libmilter filter: what it is told by `send`, and its limit."""

import os

import pytest

from peers.harness import ROOT

MESSAGES = os.path.join(ROOT, "scenarios", "messages")


def send(drill, peer, message, *more):
    return drill("send", "--milter", peer.address, "--message", os.path.join(MESSAGES, message),
                 *more)


def test_callbacks_of_a_plain_message(drill, logging_filter):
    send(drill, logging_filter, "plain.eml", "--client", "192.0.2.7:40000", "--client-name",
         "mail.example.org").check_exit(0)
    called = [line.split()[0] for line in logging_filter.callbacks()]
    for callback in ("connect", "mail", "rcpt", "header", "body", "bodyeob"):
        assert callback in called, logging_filter.log()
    assert "connect mail.example.org." in logging_filter.callbacks()  # as Stalwart has it from the DNS


def test_envelope_comes_from_the_message(drill, logging_filter):
    send(drill, logging_filter, "plain.eml").check_exit(0)
    called = logging_filter.callbacks()
    assert "mail <alice@example.org>" in called and "rcpt <bob@example.com>" in called, called


def test_envelope_can_be_given(drill, logging_filter):
    send(drill, logging_filter, "plain.eml", "--from", "carol@example.net", "--rcpt",
         "dan@example.com", "--rcpt", "erin@example.com").check_exit(0)
    called = logging_filter.callbacks()
    for line in ("mail <carol@example.net>", "rcpt <dan@example.com>", "rcpt <erin@example.com>"):
        assert line in called, called


def test_null_sender(drill, logging_filter):
    send(drill, logging_filter, "null-sender.eml").check_exit(0)
    assert "mail <>" in logging_filter.callbacks(), logging_filter.log()


@pytest.mark.parametrize("version", [2, 6])
def test_both_protocol_versions(drill, plain_filter, version):
    send(drill, plain_filter, "odd-bytes.eml", "--mta", "stalwart", "--set",
         f"protocolVersion=v{version}").check_exit(0)


def test_the_mailing_list_message_resets(drill, plain_filter):
    result = send(drill, plain_filter, "mailing-list-70k-to.eml", "--rcpt", "bob@example.com",
                  "--format", "jsonl").check_exit(1)
    assert result.record("outcome")["end"] == "rst", result.dump("the end")


def test_repeat_plays_every_time(drill, logging_filter, work):
    path = os.path.join(work, "x.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "a plain session" tests=milter\n...\n')
    drill("run", "--milter", logging_filter.address, "--repeat", "20", path).check_exit(0)
    assert sum(line.startswith("connect") for line in logging_filter.callbacks()) == 20
