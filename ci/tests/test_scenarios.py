# SPDX-License-Identifier: MIT
"""Every scenario: well formed, in its canonical form, right in the simulator and against real
milters."""

import glob
import os
import re

import pytest

from peers.harness import ROOT

FOLDER = os.path.join(ROOT, "scenarios")
FILES = sorted(os.path.relpath(path, FOLDER) for path in
               glob.glob(os.path.join(glob.escape(FOLDER), "*", "*.drill")))


def text(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as scenario:
        return scenario.read()


def milter_profile(name):
    found = re.search(r"^milter\s+(\S+)", text(name), re.MULTILINE)
    return found.group(1) if found else "libmilter"


def asks_a_milter(name):
    return "tests=milter" in text(name).splitlines()[0]


FOR_MILTERS = [name for name in FILES if asks_a_milter(name)]
FOR_LIBMILTER = [name for name in FOR_MILTERS if milter_profile(name) == "libmilter"]


def path(name):
    return os.path.join("scenarios", name)


def test_there_are_enough():
    classes = {os.path.dirname(name) for name in FILES}
    assert len(FILES) >= 100
    assert {"negotiation", "reset", "oversized", "timeout", "framing", "state", "content",
            "resource", "security", "actions"} <= classes


@pytest.mark.parametrize("name", FILES)
def test_is_well_formed_and_canonical(drill, name):
    drill("lint", path(name)).check_exit(0)
    drill("fmt", "--check", path(name)).check_exit(0)


@pytest.mark.parametrize("name", FILES)
def test_holds_in_the_simulator(any_drill, name):
    any_drill("run", "--sim", "--strict", path(name)).check_exit(0)


@pytest.mark.parametrize("name", FOR_LIBMILTER)
def test_holds_against_a_plain_libmilter_filter(drill, plain_filter, name):
    skips = [77] if "\ngiven " in text(name) else []
    drill("run", "--milter", plain_filter.address, path(name)).check_exit(0, *skips)


def test_the_whole_folder_at_once(drill):
    result = drill("run", "--sim", "--format", "jsonl", "scenarios").check_exit(0)
    played = {record["scenario"] for record in result.of("result")}
    assert {os.path.normpath(name) for name in played} == {path(name) for name in FILES}
    assert all(record["schema"] == 1 for record in result.records), result.dump("schema")
