# SPDX-License-Identifier: MIT
"""rspamd's proxy worker as a milter: it answers nothing before the end of the body."""

from sending import GTUBE, check_logged, mail, send

# rspamd's own second pattern, for mail that is marked and not refused.
MARKED = GTUBE.replace("XJS*", "YJS*", 1)


def test_clean_mail_is_accepted(drill, rspamd, work):
    send(drill, rspamd, mail(work)).check("accept").check_none_added()
    check_logged(rspamd, "got connection from 192.0.2.1", "(no action)")


def test_version_2_is_refused(drill, rspamd, work):
    """It closes at the offer, and only its log says why."""
    sent = send(drill, rspamd, mail(work), 2).check("failed", "451")
    assert (sent.record["end"], sent.record["frame"]) == ("fin", "optneg"), sent.result.dump("v2")
    check_logged(rspamd, "too old protocol: 2")


def test_spam_is_rejected_with_a_reply_code(drill, rspamd, work):
    sent = send(drill, rspamd, mail(work, GTUBE + "\n")).check("reject", "554 5.7.1 Gtube")
    replies = [frame["word"] for frame in sent.result.of("frame") if not frame["ours"]]
    assert "replycode" in replies, sent.result.dump("no reply code")
    check_logged(rspamd, "(reject)")


def test_marked_mail_gets_a_header(drill, rspamd, work):
    sent = send(drill, rspamd, mail(work, MARKED + "\n")).check("accept")
    assert sent.header("X-Spam") == "Yes"
    check_logged(rspamd, "(add header)")


def test_replies_that_nobody_waits_for_are_not_sent(drill, rspamd, work):
    sent = send(drill, rspamd, mail(work)).check("accept")
    replies = [frame["word"] for frame in sent.result.of("frame") if not frame["ours"]]
    assert replies == ["optneg", "accept"], sent.result.dump("replies before the end")
