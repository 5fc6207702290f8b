# SPDX-License-Identifier: MIT
"""The profiles of Postfix, Sendmail and Stalwart against recordings of the real programs (scenarios/recorded)."""

import os
import re

import pytest

from peers.recorded import CODES, RECORDED, Recording, difference, exceptions

RECORDINGS = Recording.all()
NAMES = [recording.name for recording in RECORDINGS]
FRAMES = {}  # of recordings and of their profiles, as they were played first

every_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=NAMES)


def both(drill, recording):
    """The frames of a recording, and those of the profile for the same mail."""
    if recording.name not in FRAMES:
        FRAMES[recording.name] = recording.frames(drill), recording.profile_frames(drill)
    return FRAMES[recording.name]


def test_all_cases_of_all_programs_are_there():
    cases = {"plain", "folded-headers", "eight-bit", "empty-body", "body-200k", "two-recipients",
             "null-sender", "two-messages", "rset", "ipv6"}
    postfix = {f"v{protocol}-{case}" for protocol in (2, 3, 4, 6) for case in {*cases, "smtputf8"}}
    stalwart = {f"v{version}-{case}" for version in (2, 6)
                for case in {*cases, "smtputf8", "two-messages-2"}}
    stalwart |= {"direct-plain", "direct-tls-and-login", "offers-all-leading-blanks", "connect-plain",
                 "ehlo-plain", "mail-plain", "rcpt-plain"}
    for program, wanted in (("postfix", postfix), ("sendmail", cases), ("stalwart", stalwart)):
        have = {os.path.splitext(os.path.basename(name))[0] for name in NAMES
                if name.startswith(program + "-")}
        assert not wanted - have


@every_recording
def test_the_profile_sends_what_the_program_sent(drill, recording):
    want, have = both(drill, recording)
    assert want[-1] == (b"Q", b"") and len(want) > 5
    assert not difference(want, have, exceptions("profile", recording.name))


def masked_spans(code, payload, fields):
    """Where the values of excepted fields stand: of macros, for there is nothing else in `profile`."""
    spans = []
    for field_code, field in fields:
        if code == field_code == b"D":
            spans += [found.span(1) for found in
                      re.finditer(rb"(?:\0|^.)\{?%s\}?\0([^\0]*)" % field, payload)]
    return spans


@every_recording
def test_one_byte_of_the_profile_and_they_differ(drill, recording):
    """In every frame: its first byte, its last, and one in the middle; and the code."""
    want, have = both(drill, recording)
    fields = exceptions("profile", recording.name)
    for at, (code, payload) in enumerate(have):
        spans = masked_spans(code, payload, fields)
        for place in sorted({0, len(payload) // 2, len(payload) - 1}):
            if payload and not any(low <= place < high for low, high in spans):
                other = payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1:]
                changed = [*have[:at], (code, other), *have[at + 1:]]
                assert difference(want, changed, fields), (at, code, payload, place)
        assert difference(want, [*have[:at], (b"?", payload), *have[at + 1:]], fields)
        assert difference(want, [*have[:at], *have[at + 1:]], fields)
        assert difference(want, [*have[:at], (code, payload), *have[at:]], fields)


# Stalwart does not know its own name yet when it runs a milter at the connect stage.
@pytest.mark.parametrize("recording", [one for one in RECORDINGS if one.name.endswith("plain.drill")
                                       and not one.name.endswith("connect-plain.drill")],
                         ids=lambda one: one.name)
@pytest.mark.parametrize("settings", [
    {"postfix": "mail_version=3.7.12", "sendmail": "daemon_name=MTB",
     "stalwart": "program=Stalwart v0.16.20"},
    {"postfix": "myhostname=my.example.com", "sendmail": "j=my.example.com",
     "stalwart": "serverName=my.example.com"}])
def test_a_setting_of_one_other_byte_and_they_differ(drill, recording, settings):
    program = recording.name.partition("-")[0]
    want, _ = both(drill, recording)
    have = recording.profile_frames(drill, settings[program])
    fields = exceptions("profile", recording.name)
    assert difference(want, have, fields).startswith("frame 2: ")


def test_a_field_that_may_differ_repeats_where_the_other_does():
    fields = {(b"D", b"i")}
    want = [(b"D", b"Mi\x00AB1\x00"), (b"D", b"Ti\x00AB1\x00"), (b"D", b"Mi\x00AB2\x00")]
    have = [(b"D", b"Mi\x00CD7\x00"), (b"D", b"Ti\x00CD7\x00"), (b"D", b"Mi\x00CD8\x00")]
    assert not difference(want, have, fields)
    assert difference(want, [*have[:2], (b"D", b"Mi\x00CD7\x00")], fields)
    assert difference(want, [have[0], have[2], have[2]], fields)


def test_what_may_differ_is_a_short_list():
    """Each line has a reason, and little may: nothing with a profile but the queue id."""
    with open(os.path.join(RECORDED, "except.txt"), encoding="utf-8") as lines:
        rows = [line.split("|") for line in lines if line[0] != "#"]
    assert all(len(row) == 5 and row[2].strip() in CODES and row[4].strip() for row in rows)
    assert exceptions("profile", "postfix-3.7.11/v6-plain.drill") == {(b"D", b"i")}
    assert exceptions("profile", "sendmail-8.17.1.9/ipv6.drill") == {(b"D", b"i")}


@every_recording
def test_they_name_nothing_but_invented_places(recording):
    with open(recording.path, encoding="utf-8") as lines:
        text = lines.read()
    hosts = set(re.findall(r"[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b", re.sub(r'file[= ]"[^"]*"', "", text)))
    assert all(host.endswith((".example.com", ".example.org", ".example")) or
               host in ("example.com", "example.net", "example.org") for host in hosts), hosts
    for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text.partition("\n")[2]):
        assert address.startswith(("192.0.2.", "127.0.0.", "20260612091958.1")), address


def test_they_are_files_like_others(drill):
    drill("lint", "scenarios/recorded").check_exit(0)
    drill("fmt", "--check", "scenarios/recorded").check_exit(0)
    result = drill("run", "--sim", "--strict", "--format", "jsonl", "scenarios/recorded").check_exit(0)
    played = {os.path.relpath(record["scenario"], "scenarios/recorded") for record in result.of("result")}
    assert played == set(NAMES)


def test_they_are_asked_of_nobody_who_names_the_folder_above(drill):
    result = drill("run", "--sim", "--format", "jsonl", "scenarios").check_exit(0)
    assert result.of("result")
    assert not [record for record in result.of("result") if "recorded" in record["scenario"]]
