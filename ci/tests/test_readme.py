# SPDX-License-Identifier: MIT
"""What the README tells people to type exists."""

import os
import re
import shlex

import pytest

from peers.harness import ROOT

BLOCK = re.compile(r"^```(?:sh|console|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands():
    """The commands of all shell blocks; in a console block those behind `$ `."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as source:
        text = source.read()
    for block in BLOCK.finditer(text):
        lines = block.group(1).replace("\\\n", " ").splitlines()
        prompts = [line[2:] for line in lines if line.startswith("$ ")]
        for line in prompts or lines:
            words = shlex.split(line, comments=True)
            if words:
                yield words


def readme_commands():
    return list(commands()) if os.path.exists(os.path.join(ROOT, "README.md")) else []


COMMANDS = readme_commands()
SCRIPTS = [words for words in COMMANDS if words[0].startswith("ci/")]
DRILLS = [words for words in COMMANDS if os.path.basename(words[0]) == "milterdrill"]


def for_each(found):
    return pytest.mark.parametrize("words", found, ids=[shlex.join(words) for words in found])


def test_the_two_commands_are_there():
    assert ["ci/demo", "--install"] in COMMANDS and ["ci/test", "--install"] in COMMANDS


@for_each(SCRIPTS)
def test_scripts_exist(words):
    assert os.access(os.path.join(ROOT, words[0]), os.X_OK), words[0]


@for_each(DRILLS)
def test_milterdrill_commands_and_options_exist(drill, words):
    if len(words) > 1 and not words[1].startswith("-"):
        told = drill(words[1], "--help").check_exit(0).out
        for option in (word.split("=")[0] for word in words[2:] if word.startswith("--")):
            assert option in told, f"{words[1]} --help does not name {option}"


@for_each(COMMANDS)
def test_files_named_in_commands_exist(words):
    for word in words[1:]:
        if re.match(r"(scenarios|corpus|ci|harness|fuzz)/", word):
            assert os.path.exists(os.path.join(ROOT, word)), word
