# SPDX-License-Identifier: MIT
"""A filter on pymilter, which does what the local part of a recipient says."""

import pytest

from sending import both_versions, check_logged, mail, send


@both_versions
def test_mail_gets_a_header_that_counts_it(drill, pymilter, work, version):
    sent = send(drill, pymilter, mail(work), version).check("accept")
    assert sent.header("X-Pymilter") == "5 headers, 8 bytes of body"
    check_logged(pymilter, "mail <alice@example.org>", "rcpt <bob@example.com>", "header Subject",
                 "bodyeob")


@both_versions
@pytest.mark.parametrize("name,outcome,smtp", [("reject", "reject", "550 5.7.1 No thank you"),
                                               ("tempfail", "tempfail", "451"),
                                               ("discard", "accept", "250")])
def test_the_recipient_says_what_happens(drill, pymilter, work, name, outcome, smtp, version):
    send(drill, pymilter, mail(work), version, "--rcpt", f"{name}@example.com").check(outcome, smtp)
    check_logged(pymilter, f"rcpt <{name}@example.com>")
