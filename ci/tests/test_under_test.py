# SPDX-License-Identifier: MIT
"""A real MTA under test: milterdrill is its milter, its SMTP client, and takes what it delivers."""

import re

import pytest

from asking import SECONDS, against, question, running
from peers.postfix import Postfix

QUESTION = 'drill 1 "a question to Postfix" tests=mta\nmta postfix\n'


@pytest.fixture(scope="module", name="postfix")
def fixture_postfix():
    yield from running(Postfix)


@pytest.fixture(name="ask")
def fixture_ask(drill, postfix, work):
    def play(text, *options):
        return drill("run", *against(postfix), *options, question(work, QUESTION + text))

    return play


def test_accepted_mail_is_delivered_with_its_new_header(ask):
    ask('...\n> bodyeob\n< addheader name="X-Drill" value="yes"\n< accept\nverdict accept\n'
        'delivered header name="X-Drill" value="yes"\n').check_exit(0)


def test_discarded_mail_is_not_delivered(ask):
    ask("...\n> bodyeob\n< discard\nverdict accept\ndelivered none\n").check_exit(0)


def test_a_refused_recipient_is_the_only_one(ask):
    ask('message rcpt="<a@example.com>" rcpt="<b@example.com>"\n'
        '...\n> rcpt address="<a@example.com>"\n< replycode text="550 5.1.1 not here"\n...\n'
        '> bodyeob\n< accept\n'
        'verdict at=rcpt rcpt="<a@example.com>" reject code=550 text="5.1.1 not here"\n'
        'verdict accept\ndelivered rcpt="<b@example.com>"\n').check_exit(0)


def test_the_client_says_what_smtp_lines_say(ask):
    ask('message from="<first@example.org>"\nsmtp after=rcpt send="RSET"\n'
        'message from="<second@example.org>"\n'
        '...\n> mail address="<first@example.org>"\n...\n> abort\n...\n'
        '> mail address="<second@example.org>"\n...\n> bodyeob\n< accept\n'
        'verdict message=2 accept\n').check_exit(0)


def test_a_lost_connection_is_a_tempfail_and_nothing_is_delivered(ask):
    ask("...\n> bodyeob\n< reset\nverdict tempfail\ndelivered none\n").check_exit(0)


def test_mail_of_one_file_is_not_taken_for_that_of_the_next(drill, postfix, work):
    accepting = question(work, QUESTION + "...\n> bodyeob\n< accept\nverdict accept\n", "a.drill")
    refusing = question(work, QUESTION + "...\n> bodyeob\n< reject\nverdict reject\ndelivered none\n",
                        "b.drill")
    drill("run", *against(postfix), *[accepting, refusing] * 3).check_exit(0)


def test_a_verdict_that_is_not_given_fails(ask):
    told = ask("...\n> bodyeob\n< reject\nverdict accept\n").check_exit(1).out
    assert 'SMTP: "550 5.7.1' in told and "expected  verdict accept" in told


def test_a_delivery_that_does_not_come_fails(ask):
    told = ask("...\n> bodyeob\n< discard\nverdict accept\ndelivered rcpt=\"<bob@example.com>\"\n",
               "--timeout", "2s").check_exit(1).out
    assert "nothing was delivered" in told


def test_judge_lines_hold_postfix_to_the_rules(ask):
    ask("judge M1 M4 M10\n...\n> bodyeob\n< accept\nverdict accept\n").check_exit(0)


def test_a_broken_rule_fails_and_is_named(drill, work):
    path = question(work, 'drill 1 "headers twice" tests=mta\nmta stalwart\njudge M8\n...\n> bodyeob\n'
                    "< accept\n")
    told = drill("run", "--sim", path).check_exit(1).out
    assert "judge     M8, by the MTA" in told and ":3: FAIL" in told


def test_an_unknown_rule_is_an_error(drill, work):
    path = question(work, 'drill 1 "no such rule" tests=mta\nmta stalwart\njudge M999\n...\n')
    assert ":3:7:" in drill("run", "--sim", path).check_exit(2).err


CLIENT = 'client addr="198.51.100.7" port=4711 host="mail.example.org" helo="helo.example.org"\n'
TOLD = 'address="198.51.100.7" port=4711\n< continue\n...\n> bodyeob\n< accept\nverdict accept\n'


def test_xclient_tells_the_client(ask):
    told = '...\n> connect host="mail.example.org" family=inet ' + TOLD
    ask(CLIENT + told, "--xclient").check_exit(0)
    ask(CLIENT + told).check_exit(1)


def test_xclient_tells_the_login(ask):
    question = 'client auth="alice"\n...\n> macro stage=mail {auth_authen}="alice"\n> mail\n' \
               '< continue\n...\n> bodyeob\n< accept\nverdict accept\n'
    ask(question, "--xclient").check_exit(0)
    assert "--xclient" in ask(question).check_exit(77).out


def test_the_proxy_protocol_tells_the_address(drill, postfix, work):
    path = question(work, QUESTION + CLIENT + "> optneg\n< optneg\n> connect " + TOLD)
    drill("run", "--listen", postfix.milter, "--smtp", f"127.0.0.1:{postfix.proxy_port}", "--proxy",
          "--timeout", f"{SECONDS}s", path).check_exit(0)


def test_a_session_that_needs_starttls_is_skipped(ask):
    assert "STARTTLS" in ask("client tls=yes\n...\n> bodyeob\n< accept\n").check_exit(77).out


@pytest.mark.parametrize("options", [["--xclient"], ["--smtp", "127.0.0.1:9", "--xclient", "--proxy"]])
def test_how_to_tell_a_client_needs_somebody_to_tell(drill, work, options):
    drill("run", "--listen", "inet:0@127.0.0.1", *options, work).check_exit(2)


CROWD = """concurrently 9 {
  ...
  > rcpt
  meet
  < continue
  ...
  > bodyeob
  < accept
  verdict accept
} and 1 {
  ...
  > rcpt
  meet
  < replycode text="550 5.7.1 not you"
  verdict reject code=550 text="5.7.1 not you"
}
"""


def test_concurrent_sessions_each_have_their_own_verdict(ask):
    ask(CROWD).check_exit(0)
    wrong = ask(CROWD.replace("reject code=550", "accept code=250")).check_exit(1).out
    assert "copy 10 of 10: the SMTP client is told something else" in wrong, wrong


def test_mail_of_concurrent_sessions_is_not_taken_for_the_next_files(drill, postfix, work):
    for name, text in (("a.drill", CROWD), ("b.drill", "...\n> bodyeob\n< discard\ndelivered none\n")):
        question(work, QUESTION + text, name)
    told = drill("run", *against(postfix), work)
    assert "2 passed" in told.check_exit(0).out


@pytest.mark.parametrize("text,options,why", [
    ("client\nclient\n" + CROWD, [], "one SMTP session"), (CROWD, ["--xclient"], "--xclient"),
    (CROWD.replace("} and", "  delivered none\n} and"), [], "whose mail")])
def test_what_concurrent_sessions_cannot_say_is_skipped(ask, text, options, why):
    text = re.sub("verdict", "verdict message=1", text) if "client" in text else text
    assert why in ask(text, *options).check_exit(77).out
