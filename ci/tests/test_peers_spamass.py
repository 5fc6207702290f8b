# SPDX-License-Identifier: MIT
"""spamass-milter with a real spamd."""

import pytest

from peers.spamass import SpamassMilter
from sending import GTUBE, both_versions, check_logged, mail, send


@both_versions
def test_clean_mail_is_accepted_and_marked(drill, spamass_milter, work, version):
    sent = send(drill, spamass_milter, mail(work), version).check("accept")
    assert sent.header("X-Spam-Status").startswith("No, score=0.0")
    check_logged(spamass_milter, "clean message (0.0/5.0)", "SA score: 0")


@both_versions
def test_spam_is_rejected(drill, spamass_milter, work, version):
    sent = send(drill, spamass_milter, mail(work, GTUBE + "\n"), version)
    sent.check("reject", "550 5.7.1 Blocked")
    check_logged(spamass_milter, "identified spam (1000.0/5.0)", "Rejecting")


def test_spam_can_be_marked_only(drill, work):
    if SpamassMilter.missing():
        pytest.skip(SpamassMilter.missing())
    with SpamassMilter(reject=None) as peer:
        sent = send(drill, peer, mail(work, GTUBE + "\n")).check("accept")
        assert sent.header("X-Spam-Flag") == "YES"
        check_logged(peer, "identified spam (1000.0/5.0)")
