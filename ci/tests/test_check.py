# SPDX-License-Identifier: MIT
"""The conformance run: every applicable scenario and every rule, numbered by class."""

import os
import re


def test_a_plain_libmilter_filter_conforms(drill, plain_filter):
    told = drill("check", "--milter", plain_filter.address, "--is", "libmilter", "--timeout", "5s",
                 "scenarios").check_exit(0).out
    cases = re.findall(r"^  (\d+)\.(\d+) +(\S+)", told, re.MULTILINE)
    assert len(cases) >= 60 and {verdict for _, _, verdict in cases} <= {"pass", "quirk", "known", "skip"}
    assert re.search(r"^1\. \w+$", told, re.MULTILINE)


def test_the_model_conforms_as_the_real_one_does(drill):
    told = drill("check", "--milter", "sim:libmilter", "scenarios").check_exit(0).out
    assert " 0 failed" in told


def test_a_broken_rule_fails_though_every_line_was_met(drill, work):
    path = os.path.join(work, "x.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "a whole message as body" tests=mta\nmta stalwart\n...\n> bodyeob\n'
                  "< accept\nverdict accept\n")
    drill("run", "--sim", path).check_exit(0)
    told = drill("check", "--sim", path).check_exit(1).out
    assert "M8" in told


def test_formats_are_those_of_run(drill):
    records = drill("check", "--milter", "sim:libmilter", "--format", "jsonl",
                    "scenarios/oversized").check_exit(0)
    assert records.of("summary")[0]["pass"] > 3
