# SPDX-License-Identifier: MIT
"""none of C's traps: strcpy strcat sprintf strtok atoi gets alloca setjmp"""

import re

from source import c_files, text, without_comments

BANNED = re.compile(r"\b(strcpy|strcat|v?sprintf|strtok|ato[ifl]|gets|alloca|(?:sig)?setjmp)\s*\(")


def check(_build):
    for path in c_files("harness", "fuzz", "ci"):
        for number, line in enumerate(without_comments(text(path)).splitlines(), 1):
            for name in BANNED.findall(line):
                yield f"{path}:{number}: {name}"
