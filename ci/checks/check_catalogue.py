# SPDX-License-Identifier: MIT
"""every scenario says what it asks and why, none asks it twice, and scenarios/README.md lists all"""

import fnmatch
import os
import re

import catalogue
from source import files, text

AT_LEAST = 100


def one(path):
    place = path.split("/")
    if len(place) != 3 or place[1] not in catalogue.CLASSES:
        yield f"{path}: not in a folder of {' '.join(catalogue.CLASSES)}"
    found = catalogue.entry(path)
    if not found:
        yield f"{path}: the first line is not: drill 1 \"TITLE\" [tests=mta|milter]"
        return
    if not found.title:
        yield f"{path}: no title"
    if not found.ids and not catalogue.SOURCE.search(found.why):
        yield f"{path}: `why` names neither an id nor a source"


def twins(paths):
    first = {}
    for path in paths:
        found = catalogue.entry(path)
        other = first.setdefault((found and found.asks, catalogue.frames(path)), path)
        if other != path:
            yield f"{path}: the same frames as {other}"


def expected(names):
    """Lists of expected failures name scenarios that exist."""
    for path in files("scenarios/expected", "ci/expected", ending=".txt"):
        for number, line in enumerate(text(path).splitlines(), 1):
            name = line.partition("|")[0].strip()
            if name and not name.startswith("#") and not fnmatch.filter(names, name):
                yield f"{path}:{number}: no scenario {name}"


def excused(readme, entries):
    """What is said to be no scenario is named by none."""
    section = readme.partition("## What is no scenario")[2].partition("\n## ")[0]
    listed = {i for row in re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
              for i in catalogue.ID.findall(row)}
    for found in entries:
        for name in sorted(listed & set(found.ids)):
            yield f"{found.path}: {name} is no scenario, says {catalogue.README}"


def check(_build):
    paths = catalogue.paths()
    if len(paths) < AT_LEAST:
        yield f"{len(paths)} scenarios; the catalogue has at least {AT_LEAST}"
    for path in paths:
        yield from one(path)
    yield from twins(paths)
    yield from expected({os.path.relpath(path, catalogue.FOLDER) for path in paths})
    readme = text(catalogue.README)
    yield from excused(readme, filter(None, map(catalogue.entry, paths)))
    if catalogue.renewed(readme) != readme:
        yield f"{catalogue.README}: not current: python3 ci/checks/catalogue.py --write"
