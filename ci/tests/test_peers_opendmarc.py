# SPDX-License-Identifier: MIT
"""opendmarc: a policy that asks for a reject, one that is kept, and none."""

from sending import both_versions, check_logged, mail, send

SENDER = "alice@example.net"  # whose domain asks for a reject
SIGNED = "Authentication-Results: mx.example.com; dkim=pass header.d=example.net"


@both_versions
def test_what_the_policy_refuses_is_rejected(drill, opendmarc, work, version):
    sent = send(drill, opendmarc, mail(work, sender=SENDER), version)
    sent.check("reject", "550 5.7.1 rejected by DMARC policy")
    check_logged(opendmarc, "example.net fail")


@both_versions
def test_what_aligns_is_accepted_and_noted(drill, opendmarc, work, version):
    sent = send(drill, opendmarc, mail(work, "Hello.\n", SIGNED, sender=SENDER), version)
    assert "dmarc=pass" in sent.check("accept").header("Authentication-Results")
    check_logged(opendmarc, "example.net pass")


def test_without_a_policy_mail_is_accepted(drill, opendmarc, work):
    sent = send(drill, opendmarc, mail(work)).check("accept")
    assert "dmarc=none" in sent.header("Authentication-Results")
    check_logged(opendmarc, "example.org none")
