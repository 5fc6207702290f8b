# SPDX-License-Identifier: MIT
"""no file names the place where it was written: checkout, parent folder, a home"""

import os
import re

from source import ROOT, files, text

COMMON = {"/", "/home", "/root", "/tmp", "/var/tmp", "/srv", "/opt", "/mnt", "/usr", "/usr/src"}
HOMES = re.compile(r"(?<![\w.])/(?:home|Users)/[a-z]\w+/")


def places():
    """The checkout and the folder above it, unless that is everybody's."""
    found = {ROOT}
    parent = os.path.dirname(ROOT)
    if parent not in COMMON and os.path.dirname(parent) != "/home":
        found.add(parent)
    return re.compile("|".join(rf"{re.escape(place)}(?=/)" for place in sorted(found)))


def check(_build):
    here = places()
    for path in files():
        if path.startswith("corpus/"):
            continue
        for number, line in enumerate(text(path).splitlines(), 1):
            found = here.search(line) or HOMES.search(line)
            if found:
                yield f"{path}:{number}: {found.group(0)}"
