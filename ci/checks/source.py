# SPDX-License-Identifier: MIT
"""What the checks share: the repository's files, its layers, and what their C looks like."""

import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED_FOLDERS = {".git", "build", "findings", "__pycache__", ".pytest_cache"}

# Who may include whom: every edge there is. harness/README.md says why.
EDGES = {
    "base": [],
    "wire": ["base"],
    "session": ["wire"],
    "scenario": ["session"],
    "play": ["scenario"],
    "net": ["play"],
    "sim": ["play"],
    "record": ["net"],
    "diagnose": ["play"],
    "hunt": ["diagnose"],
    "report": ["diagnose"],
}
EDGES["cli"] = sorted(EDGES)
CORE = ("base", "wire", "session", "scenario", "play", "sim")


def reach(layer):
    """The layer, and all that it may use, however far below."""
    found = {layer}
    for used in EDGES[layer]:
        found |= reach(used)
    return found


def files(*folders, ending=""):
    """Paths of files below these folders, from the root."""
    for folder in folders or (".",):
        for path, names, entries in os.walk(os.path.join(ROOT, folder)):
            names[:] = sorted(name for name in names if name not in SKIPPED_FOLDERS)
            for entry in sorted(entries):
                if entry.endswith(ending):
                    yield os.path.relpath(os.path.join(path, entry), ROOT)


def c_files(*folders):
    yield from files(*folders, ending=(".c", ".h", ".def"))


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as source:
        return source.read()


def without_comments(code):
    """C code with comments and the contents of literals blanked; lines stay where they are."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), code)


def includes(path):
    """(line number, name, system) of every #include."""
    pattern = re.compile(r'\s*#\s*include\s+([<"])([^>"]+)[>"]')
    for number, line in enumerate(text(path).splitlines(), 1):
        found = pattern.match(line)
        if found:
            yield number, found.group(2), found.group(1) == "<"


def archive(build, layer):
    return os.path.join(ROOT, build, f"libdrill_{layer}.a")


def symbols(build, layer):
    """(object file, kind, name) of every symbol of a layer's archive."""
    path = archive(build, layer)
    out = subprocess.run(["nm", "-A", path], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        place, rest = line.split(".a:", 1)[1].split(":", 1)
        words = rest.split()
        yield place, words[-2], words[-1]
