# SPDX-License-Identifier: MIT
"""Lists of expected failures: what stands there does not fail a run, and every line has a reason."""

import os

import pytest

SCENARIO = "scenarios/oversized/header-over-64k.drill"


@pytest.fixture(name="listed")
def fixture_listed(work):
    def write(text, wrong=True):
        path = os.path.join(work, "header-over-64k.drill")
        with open(SCENARIO, encoding="utf-8") as source, open(path, "w", encoding="utf-8") as out:
            out.write(source.read().replace("< reset", "< close") if wrong else source.read())
        expect = os.path.join(work, "expected.txt")
        with open(expect, "w", encoding="utf-8") as out:
            out.write(text)
        return path, expect

    return write


def test_an_expected_failure_does_not_fail_the_run(drill, listed):
    path, expect = listed("# why\nheader-over-64k.drill | fail | it is a reset\n")
    drill("run", "--sim", path).check_exit(1)
    told = drill("run", "--sim", "--expect", expect, path).check_exit(0).out
    assert "XFAIL" in told and "it is a reset" in told and "1 failed as expected" in told


def test_an_expected_failure_that_passes_fails_a_strict_run(drill, listed):
    path, expect = listed("header-over-64k.drill | fail | it was a close once\n", wrong=False)
    drill("run", "--sim", "--expect", expect, path).check_exit(0)
    told = drill("run", "--sim", "--strict", "--expect", expect, path).check_exit(1).out
    assert "expected.txt:1" in told


@pytest.mark.parametrize("line", ["x.drill | fail |", "x.drill | pass | why", "x.drill", "| fail | why"])
def test_a_line_without_its_three_parts_is_an_error(drill, listed, line):
    path, expect = listed("\n" + line + "\n")
    told = drill("run", "--sim", "--expect", expect, path).check_exit(2).err
    assert "expected.txt:2:1:" in told


def test_a_path_stands_for_whole_names_only(drill, listed):
    path, expect = listed("64k.drill | fail | a part of a name\n")
    drill("run", "--sim", "--expect", expect, path).check_exit(1)


def test_what_is_withheld_is_neither_played_nor_named(drill, listed):
    path, expect = listed("header-*-64k.drill | withheld | not reported yet\n")
    result = drill("run", "--sim", "--expect", expect, path).check_exit(77)
    assert "header-over-64k" not in result.out + result.err
    assert "0 passed, 0 failed, 0 skipped, 1 withheld" in result.out


def test_withheld_counts_more_than_a_known_failure(drill, listed):
    path, expect = listed("header-over-64k.drill | fail | it is a reset\n"
                          "header-over-6?k.drill | withheld | not reported yet\n"
                          "header-over-64k.drill | fail | it is a reset\n")
    assert "1 withheld" in drill("run", "--sim", "--expect", expect, path).check_exit(77).out
