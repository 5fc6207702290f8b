# SPDX-License-Identifier: MIT
"""clang-format 14 would change nothing"""

import re
import shutil
import subprocess

from source import ROOT, c_files

VERSION = 14


def program():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        if shutil.which(name):
            return name
    return None


def check(_build):
    name = program()
    if not name:
        yield f"clang-format {VERSION} is not installed"
        return
    said = subprocess.run([name, "--version"], check=True, capture_output=True, text=True).stdout
    if not re.search(rf"version {VERSION}\.", said):
        yield f"needs clang-format {VERSION}, this is {said.strip()}"
        return
    sources = [path for path in c_files("harness", "fuzz", "ci") if not path.endswith(".def")]
    done = subprocess.run([name, "--dry-run", "-Werror", *sources], cwd=ROOT, check=False,
                          capture_output=True, text=True)
    for line in done.stderr.splitlines():
        if "error:" in line:
            yield line
