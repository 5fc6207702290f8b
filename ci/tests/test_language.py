# SPDX-License-Identifier: MIT
"""Every example of the language reference and the README is a scenario that works.

A block opened with ```drill holds complete files (each begins with its `drill 1` line). One opened
with ```drill unplayed is well formed, and needs a feature that is parsed but not played yet.
"""

import os
import re

import pytest

from peers.harness import ROOT

DOCUMENTS = ("scenarios/LANGUAGE.md", "README.md")
BLOCK = re.compile(r"^```drill([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FIRST_LINE = re.compile(r"^(?=drill 1 )", re.MULTILINE)


def examples():
    """(document:line, words behind ```drill, text) of each file in each block."""
    for document in DOCUMENTS:
        where = os.path.join(ROOT, document)
        if not os.path.exists(where):
            continue
        with open(where, encoding="utf-8") as source:
            text = source.read()
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start(2)) + 1
            for example in filter(str.strip, FIRST_LINE.split(block.group(2))):
                yield f"{document}:{line}", block.group(1).split(), example
                line += example.count("\n")


EXAMPLES = list(examples())


# The one file that examples may name.
HELLO = b"Subject: hello\r\n\r\nHello, all.\r\n"


def written(folder, text):
    with open(os.path.join(folder, "hello.eml"), "wb") as out:
        out.write(HELLO)
    path = os.path.join(folder, "example.drill")
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write(text)
    return path


def test_the_reference_has_examples():
    assert len(EXAMPLES) >= 10


@pytest.mark.parametrize("place,words,text", EXAMPLES, ids=[place for place, _, _ in EXAMPLES])
def test_example(drill, work, place, words, text):
    path = written(work, text)
    drill("lint", path).check_exit(0)
    result = drill("run", "--sim", path)
    result.check_exit(77 if "unplayed" in words else 0)
