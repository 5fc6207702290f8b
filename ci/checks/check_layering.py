# SPDX-License-Identifier: MIT
"""layers include and link only what stands below them"""

import re

from source import CORE, EDGES, c_files, includes, reach, text

BENCHED = re.compile(r"bench_([a-z]+)_")


def rules(path):
    """The layers that this file may include. A test may hold one layer against any other."""
    parts = path.split("/")
    if parts[0] == "fuzz":
        return set(CORE)
    if parts[1] in EDGES:
        return reach(parts[1])
    found = BENCHED.match(parts[-1])
    return reach(found.group(1)) if found and found.group(1) in EDGES else set(EDGES)


def include_problems():
    for path in c_files("harness", "fuzz"):
        allowed = rules(path)
        for line, name, system in includes(path):
            layer = name.split("/")[0]
            if not system and "/" in name and layer in EDGES and layer not in allowed:
                yield f"{path}:{line}: includes {name}; may include {' '.join(sorted(allowed))}"


def link_problems():
    """The link lines are the rule; here they are held against the table."""
    call = re.compile(r"^drill_layer\((\w+)(?:\s+USES\s+([^)]*))?\)", re.MULTILINE)
    for layer, uses in call.findall(text("CMakeLists.txt")):
        if layer not in EDGES:
            yield f"CMakeLists.txt: layer {layer} is not in ci/checks/source.py"
            continue
        linked = {word[6:] for word in uses.split() if word.startswith("drill_")}
        for extra in sorted(linked - set(EDGES[layer])):
            yield f"CMakeLists.txt: {layer} links {extra}; its edges: {' '.join(EDGES[layer])}"


def check(_build):
    yield from include_problems()
    yield from link_problems()
