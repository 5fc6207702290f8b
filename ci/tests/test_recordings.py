# SPDX-License-Identifier: MIT
"""A recording is played again: another run has other ids, dates and ports, and says the same."""

import re

import pytest

import asking
from peers.harness import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from peers.postfix import Postfix

# As Postfix 3.7 talks to a filter that adds nothing; the ids are of the day of the recording.
RECORDING = r"""drill 1 "recorded: one message, accepted" recorded="2026-11-20T12:00:00Z"
mta postfix
client addr="127.0.0.1" port=47324 host="[127.0.0.1]" helo="client.example"
message from="<alice@example.org>" rcpt="<bob@example.com>" arg="NOTIFY=NEVER"
header name="From" value="<alice@example.org>"
header name="To" value="<bob@example.com>"
header name="Subject" value="hello"
body data="Hello, all.\r\n"
> optneg version=6 actions=0x1ff protocol=0x1fffff
< optneg version=6 actions=0x0 protocol=0x0
> macro stage=connect j="mx.example.net" {daemon_name}="mx.example.net" {daemon_addr}="192.0.2.9" v="Postfix 3.5.1" _="localhost [127.0.0.1]"
> connect host="[127.0.0.1]" family=inet port=47324 address="127.0.0.1"
< continue after=5s
> macro stage=helo
> helo name="client.example"
< continue
> macro stage=mail {mail_addr}="alice@example.org" {mail_host}="sink.example.com" {mail_mailer}="smtp" after=7s join
> mail address="<alice@example.org>"
< continue
> macro stage=rcpt {rcpt_addr}="bob@example.com" {rcpt_host}="sink.example.com" {rcpt_mailer}="smtp"
> rcpt address="<bob@example.com>" arg="NOTIFY=NEVER"
< continue
> macro stage=data i="4F3C21A0B9"
> data
< continue
> macro stage=header i="4F3C21A0B9"
> header name="From" value="<alice@example.org>"
< continue
> macro stage=header i="4F3C21A0B9"
> header name="To" value="<bob@example.com>"
< continue
> macro stage=header i="4F3C21A0B9"
> header name="Subject" value="hello"
< continue
> macro stage=eoh i="4F3C21A0B9"
> eoh
< continue
> macro stage=body i="4F3C21A0B9"
> body data="Hello, all.\r\n"
< continue
> macro stage=bodyeob i="4F3C21A0B9"
> bodyeob
< continue
> abort
> abort
> quit
verdict accept
"""


@pytest.fixture(name="play")
def fixture_play(drill, work):
    """Plays RECORDING with (old, new) texts replaced, each of which must be there."""
    def play(*options, changes=()):
        text = RECORDING
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = f"{work}/r.drill"
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return drill("run", *options, path)

    return play


@pytest.fixture(scope="module", name="postfix")
def fixture_postfix():
    yield from asking.running(Postfix)


@pytest.fixture(name="against")
def fixture_against(request, plain_filter):
    """The words for a mode: the models, a real filter, a real Postfix."""
    def words(mode):
        if mode == "sim":
            return ("--sim",)
        if mode == "filter":
            return ("--milter", f"inet:{plain_filter.port}@127.0.0.1")
        return asking.against(request.getfixturevalue("postfix"))

    return words


ALL = pytest.mark.parametrize("mode", ["sim", "filter", "postfix"])


@ALL
def test_another_run_has_other_ids(play, against, mode):
    play(*against(mode)).check_exit(EXIT_OK)


def test_exactly_it_has_not(play):
    result = play("--sim", "--exact").check_exit(EXIT_FAILED)
    result.check_out('the macro line above it was not met: {daemon_addr} is "127.0.0.1", not "192.0.2.9"')
    assert result.out.count("PASS") == 1, "as MTA nothing of it is compared"


@ALL
def test_other_pieces_of_the_body(play, against, mode):
    pieces = ('> body data="Hello, all.\\r\\n"\n',
              '> body data="Hel"\n< continue\n> body data="lo, all."\n< continue\n'
              '> macro stage=body i="1"\n> body data="\\r\\n"\n')
    play(*against(mode), changes=[pieces]).check_exit(EXIT_OK)


@pytest.mark.parametrize("mode", ["sim", "postfix"])
@pytest.mark.parametrize("old,new,why", [
    ('value="hello"\n<', 'value="other"\n<', 'value is "hello", not "other"'),
    ('{mail_addr}="alice@', '{mail_addr}="carol@', '{mail_addr} is "alice@example.org", not'),
    ('i="4F3C21A0B9"', 'i="none"', 'i is "[^"]*", not of the shape of "none"'),
    ('> body data="Hello,', '> body data="Hallo,', r'from byte 1 of this line\'s data on, "ello, all'),
    ('> eoh\n< continue\n', '> eoh\n< continue\n> unknown\n< continue\n', "it is body, not unknown"),
])
def test_what_the_mta_says_otherwise_fails(play, against, mode, old, new, why):
    result = play(*against(mode), changes=[(old, new)]).check_exit(EXIT_FAILED)
    assert re.search(why, result.out), result.dump(f"expected {why}")


@pytest.mark.parametrize("old,new,why", [
    ("> bodyeob\n< continue", "> bodyeob\n< accept", "it is continue, not accept"),
    ("> bodyeob\n< continue", '> bodyeob\n< addheader name="X-A" value="1"\n< continue',
     "it is continue, not addheader"),
    ("> bodyeob\n< continue\n> abort\n> abort\n> quit", "> bodyeob\n< close",
     "the connection was to end here"),
])
def test_what_the_milter_says_otherwise_fails(play, against, old, new, why):
    play(*against("filter"), changes=[(old, new)]).check_exit(EXIT_FAILED).check_out(why)


def test_the_first_difference_is_shown_with_the_frames_around_it(play, against):
    result = play(*against("filter"), changes=[("> bodyeob\n< continue", "> bodyeob\n< accept")])
    line = RECORDING.splitlines().index("> bodyeob") + 2
    result.check_out(f"r.drill:{line}: FAIL another frame came", "expected  < accept",
                     "actual    < continue", "before    < continue", "> bodyeob\n")


def test_a_milters_model_gives_the_recorded_verdict(play):
    play("--sim", changes=[("> bodyeob\n< continue", "> bodyeob\n< reject"),
                           ("> abort\n> abort\n> quit\nverdict accept",
                            "> abort\n> abort\n> quit\nverdict reject")]).check_exit(EXIT_OK)


# ---- time: virtual, so a pause costs nothing ----

@pytest.mark.parametrize("options,as_mta,as_milter", [
    ((), 0, 0),
    (("--timing", "fast"), 0, 0),
    (("--timing", "original"), 7_000_000, 5_000_000),
    (("--exact",), 0, None),  # the milter's pauses are not come to: the MTA's ids differ
    (("--exact", "--timing", "original"), 7_000_000, None),
])
def test_pauses_of_a_recording(play, options, as_mta, as_milter):
    took = {one["mode"]: one["us"] for one in
            play("--sim", "--format", "jsonl", *options).check_sane().of("result")}
    assert took["sim-milter"] == as_mta
    assert as_milter is None or took["sim-mta"] == as_milter


@pytest.mark.parametrize("options,expected", [((), 12_000_000), (("--timing", "original"), 12_000_000),
                                              (("--timing", "fast"), 0)])
def test_pauses_of_other_scenarios(drill, work, options, expected):
    path = f"{work}/x.drill"
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "x" tests=mta\n...\n> mail\n< continue after=12s\n...\n')
    result = drill("run", "--sim", "--format", "jsonl", *options, path).check_exit(EXIT_OK)
    assert result.record("result")["us"] == expected


@pytest.mark.parametrize("first,note", [(' recorded="2026-11-20T12:00:00Z"', True), ("", False)])
def test_dots_in_a_recording_are_told(drill, work, first, note):
    path = f"{work}/x.drill"
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'drill 1 "x"{first}\nrepeat 2 {{\n  ...\n  > mail\n}}\n')
    result = drill("lint", path).check_exit(EXIT_OK)
    assert (":3:3: note: `...` in a recording" in result.err) == note, result.dump("lint")
    assert bool(result.err) == note


def test_a_timing_that_is_none(drill):
    result = drill("run", "--sim", "--timing", "quick", "x.drill").check_exit(EXIT_USAGE)
    result.check_err("--timing knows original and fast, not `quick`")


# ---- slices ----

@pytest.mark.parametrize("slice_,exit_code", [("0..3", EXIT_OK), ("2..", EXIT_OK), ("0..4", EXIT_USAGE),
                                              ("4..", EXIT_USAGE)])
def test_a_slice_lies_within_its_file(drill, work, slice_, exit_code):
    with open(f"{work}/four.bin", "wb") as out:
        out.write(b"four")
    path = f"{work}/x.drill"
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'drill 1 "x" tests=milter\n...\n> body data=file "four.bin" {slice_}\n...\n')
    result = drill("run", "--sim", path).check_exit(exit_code)
    if exit_code == EXIT_USAGE:
        result.check_err('the slice lies outside of the file "four.bin", which has 4 bytes')
    drill("fmt", "--check", path).check_exit(EXIT_OK)
