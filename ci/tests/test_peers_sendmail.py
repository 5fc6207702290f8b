# SPDX-License-Identifier: MIT
"""milterdrill as the milter of a real Sendmail, its SMTP client, and the sink of what it delivers."""

import smtplib

import pytest

from asking import SECONDS, against, question, running
from peers.base import wait_until
from peers.sendmail import Sendmail

QUESTION = 'drill 1 "a question to Sendmail" tests=mta\nmta sendmail\n'


@pytest.fixture(scope="module", name="sendmail")
def fixture_sendmail():
    yield from running(Sendmail)


@pytest.fixture(name="ask")
def fixture_ask(drill, sendmail, work):
    def play(text, *options):
        return drill("run", *against(sendmail), "--is", "sendmail", *options,
                     question(work, QUESTION + text))

    return play


def check_logged(peer, *texts):
    for text in texts:
        assert wait_until(lambda: peer.lines(text), peer.alive, SECONDS), peer.log()


def check_queue_empty(peer):
    assert wait_until(lambda: not peer.queue_files(), peer.alive, SECONDS), peer.log()


def test_accepted_mail_is_delivered_with_its_new_header(ask, sendmail):
    ask('> optneg\n< optneg actions=addhdrs\n...\n> bodyeob\n'
        '< addheader name="X-Drill" value="yes"\n< accept\nverdict accept\n'
        'delivered header name="X-Drill" value="yes"\n').check_exit(0)
    check_logged(sendmail, "Milter (drill) add: header: X-Drill: yes", "Milter accept: message")
    check_queue_empty(sendmail)


@pytest.mark.parametrize("name", ["sendmail-one-more-ehlo", "sendmail-client-is-lost"])
def test_what_clients_do_beside_their_mail(drill, sendmail, name):
    drill("run", *against(sendmail), "--is", "sendmail",
          f"scenarios/state/{name}.drill").check_exit(0)


def test_discarded_mail_is_not_delivered(ask, sendmail):
    ask("...\n> bodyeob\n< discard\nverdict accept\ndelivered none\n").check_exit(0)
    check_logged(sendmail, "milter=drill, discard")
    check_queue_empty(sendmail)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "header", "eoh", "body", "bodyeob"])
def test_a_reject_is_told_to_the_client(ask, stage):
    ask(f"...\n> {stage}\n< reject\nverdict reject\ndelivered none\n").check_exit(0)


def test_a_reply_code_is_told_in_its_words(ask, sendmail):
    ask('...\n> bodyeob\n< replycode text="550 5.7.1 no thanks"\n'
        'verdict reject code=550 text="5.7.1 no thanks"\n').check_exit(0)
    check_logged(sendmail, "milter=drill, reject=550 5.7.1 no thanks")


def test_a_refused_recipient_is_the_only_one(ask):
    """Sendmail puts the recipient into the milter's words."""
    ask('message rcpt="<a@example.com>" rcpt="<b@example.com>"\n'
        '...\n> rcpt address="<a@example.com>"\n< replycode text="550 5.1.1 not here"\n...\n'
        '> bodyeob\n< accept\n'
        'verdict at=rcpt rcpt="<a@example.com>" reject code=550 text=~"5.1.1 *not here"\n'
        'verdict accept\ndelivered rcpt="<b@example.com>"\n').check_exit(0)


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_lost_milter_is_a_tempfail_and_nothing_is_delivered(ask, sendmail, end):
    ask(f"...\n> bodyeob\n< {end}\nverdict tempfail\ndelivered none\n").check_exit(0)
    check_logged(sendmail, "Milter (drill): to error state")
    check_queue_empty(sendmail)


def test_the_null_sender_is_asked_about(ask):
    ask('message from="<>"\n...\n> mail address="<>"\n< continue\n...\n> bodyeob\n< accept\n'
        'verdict accept\ndelivered from="<>"\n').check_exit(0)


def test_a_verdict_that_is_not_given_fails(ask):
    told = ask("...\n> bodyeob\n< reject\nverdict accept\n").check_exit(1).out
    assert "expected  verdict accept" in told


@pytest.mark.parametrize("action,greeting,code", [("tempfail", 220, 451), ("reject", 554, 550),
                                                  ("accept", 220, 250)])
def test_without_a_milter_its_setting_decides(action, greeting, code):
    """F=T, F=R (which it says before all else), none: nobody listens where the milter should be."""
    if Sendmail.missing():
        pytest.skip(Sendmail.missing())
    with Sendmail(default_action=action) as peer:
        with smtplib.SMTP(timeout=SECONDS) as client:
            assert client.connect("127.0.0.1", peer.port)[0] == greeting, peer.log()
            client.ehlo("client.example")
            assert client.docmd("MAIL", "FROM:<alice@example.org>")[0] == code, peer.log()
        check_logged(peer, "error connecting to filter")
        assert not peer.queue_files()
