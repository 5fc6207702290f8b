# SPDX-License-Identifier: MIT
"""amavisd-milter with a real amavisd-new."""

from sending import GTUBE, both_versions, check_logged, mail, send


@both_versions
def test_clean_mail_is_accepted(drill, amavisd_milter, work, version):
    send(drill, amavisd_milter, mail(work), version).check("accept")
    check_logged(amavisd_milter, "Passed CLEAN")


@both_versions
def test_spam_is_rejected_in_amavisds_words(drill, amavisd_milter, work, version):
    sent = send(drill, amavisd_milter, mail(work, GTUBE + "\n"), version)
    sent.check("reject", "554 5.7.0 Reject")
    check_logged(amavisd_milter, "Blocked SPAM")
