# SPDX-License-Identifier: MIT
"""opendkim signs what its own clients send, and verifies what others do."""

import pytest

from sending import both_versions, check_logged, mail, send

STRANGER = ("--client", "203.0.113.9", "--client-name", "mail.example.net")


@pytest.fixture(name="signature")
def fixture_signature(drill, opendkim, work):
    """A header with opendkim's own signature of the message that mail() makes."""
    value = send(drill, opendkim, mail(work)).check("accept").header("DKIM-Signature")
    return "DKIM-Signature: " + value.replace("\r", "")


@both_versions
def test_mail_of_its_own_client_is_signed(drill, opendkim, work, version):
    sent = send(drill, opendkim, mail(work), version).check("accept")
    assert "d=example.org; s=drill;" in sent.header("DKIM-Signature")
    check_logged(opendkim, "DKIM-Signature field added (s=drill, d=example.org)")


@both_versions
def test_its_signature_verifies(drill, opendkim, work, signature, version):
    sent = send(drill, opendkim, mail(work, "Hello.\n", signature), version, *STRANGER)
    assert "dkim=pass" in sent.check("accept").header("Authentication-Results")


def test_a_changed_body_is_rejected(drill, opendkim, work, signature):
    send(drill, opendkim, mail(work, "Hellu.\n", signature), 6, *STRANGER).check("reject", "5")
    check_logged(opendkim, "bad signature data")


def test_mail_without_a_signature_is_only_noted(drill, opendkim, work):
    sent = send(drill, opendkim, mail(work), 6, *STRANGER).check("accept")
    assert "dkim=none" in sent.header("Authentication-Results")
