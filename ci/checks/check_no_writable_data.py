# SPDX-License-Identifier: MIT
"""base and wire hold no writable data: any number of threads may use them"""

import os
import re
import subprocess

from source import archive

# Sections of constant data that hold pointers are relocated once, at start: .data.rel.ro.
SECTION = re.compile(r"^\s*\d+\s+(\.t?data\S*|\.t?bss\S*)\s+([0-9a-f]+)")
CONSTANT = (".data.rel.ro", ".data.rel.ro.local")


def check(build):
    for layer in ("base", "wire"):
        path = archive(build, layer)
        if not os.path.exists(path):
            yield f"{path} is not built"
            continue
        out = subprocess.run(["objdump", "-h", path], check=True, capture_output=True,
                             text=True).stdout
        yield from sections(layer, out)


def sections(layer, listing):
    place = "?"
    for line in listing.splitlines():
        if "file format" in line:
            place = line.split(":")[0]
        found = SECTION.match(line)
        if found and int(found.group(2), 16) and not found.group(1).startswith(CONSTANT):
            yield f"harness/{layer}: {place} has {found.group(2)} hex bytes in {found.group(1)}"
