# SPDX-License-Identifier: MIT
"""Every peer against the catalogue, as ci/expected has it, and both MTAs against a milter's faults, as
ci/faults.json has it: what is new, and what is no longer so, fails. The pages say what the files hold."""

import collections
import dataclasses

import pytest

from conformance import columns, faults, matrix

NAMES = [column.name for column in columns.COLUMNS]
BY_NAME = dict(zip(NAMES, columns.COLUMNS))
# Its cleanup finds the reply too many, or its smtpd has read it already: chance.
UNSTEADY = {("postfix", "reply twice, then reject")}


@pytest.fixture(scope="module", name="played")
def fixture_played(drill, request):
    """All columns whose tests were chosen, side by side."""
    wanted = {item.callspec.params["name"] for item in request.session.items
              if item.module is request.module and "played" in item.fixturenames}
    chosen = [column for column in columns.COLUMNS
              if column.name in wanted and not column.missing()]
    return matrix.play(drill, chosen)


@pytest.fixture(scope="module", name="seen")
def fixture_seen(drill):
    """{setting: its sessions}"""
    for column in (BY_NAME["postfix"], BY_NAME["sendmail"]):
        if column.missing():
            pytest.skip(column.missing())
    table = collections.defaultdict(list)
    for one in faults.play(drill):
        table[one.mta, one.action].append(one)
    return table


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_holds_but_for_what_is_listed(played, name):
    if BY_NAME[name].missing():
        pytest.skip(BY_NAME[name].missing())
    assert not matrix.problems(BY_NAME[name], played[name])
    assert len(played[name].cases) >= 7


@pytest.mark.parametrize("name", NAMES)
def test_the_matrix_has_the_same_numbers(played, name):
    """`ci/matrix` writes them anew."""
    if BY_NAME[name].missing():
        pytest.skip(BY_NAME[name].missing())
    written = {peer["peer"]: peer for peer in matrix.load("matrix")["peers"]}[name]
    found = matrix.entry(name, played[name])
    assert {**found, "version": ""} == {**written, "version": ""}


def test_the_model_of_stalwart_has_the_same_numbers(drill):
    written = [p for p in matrix.load("matrix")["peers"] if p["peer"] == matrix.STALWART]
    assert [matrix.entry(matrix.STALWART, matrix.model_of_stalwart(drill))] == written


def test_the_pages_say_what_the_files_hold():
    assert not matrix.check()


@pytest.mark.parametrize("setting", faults.SETTINGS, ids="-".join)
def test_no_message_is_lost_or_passed_against_what_the_client_was_told(seen, setting):
    for one in seen[setting]:
        kept = "none" if not one.smtp.startswith("250") else one.fate
        assert one.fate == kept and kept in ("none", "delivered", "held"), one
        assert not one.smtp.startswith("250") or kept != "none", one


@pytest.mark.parametrize("setting", faults.SETTINGS, ids="-".join)
def test_each_fault_ends_as_written(seen, setting):
    """The SMTP reply, the line of the log, what became of the message; times differ."""
    written = {(s["mta"], s["action"], s["fault"], s["stage"]): s
               for s in matrix.load("faults")["sessions"]}
    for one in seen[setting]:
        if (one.mta, one.fault) in UNSTEADY:
            continue
        found = {**dataclasses.asdict(one), "seconds": 0}
        assert found == {**written[one.key()], "seconds": 0}


def test_a_milter_that_fails_passes_mail_only_where_the_mta_is_told_to(seen):
    """With tempfail and reject nothing passes of a session whose milter broke off. Known exceptions: a
    reply too many (the milter's own fault), and ci/findings.md's."""
    broken = ("FIN", "RST", "half-close", "silence", "torn frame, FIN", "length of 1 GiB")
    for setting, ones in seen.items():
        passed = [one for one in ones if one.fault in broken and one.fate == "delivered"]
        assert bool(passed) == (setting[1] == "accept"), passed[:1]
