# SPDX-License-Identifier: MIT
"""base to sim need no socket, file, clock, output, exit or random (nm -u)"""

import fnmatch
import os

from source import CORE, archive, symbols

# All that these layers may ask of others. Add a function here only if it does no I/O, reads no
# clock, keeps no state and never ends the process.
ALLOWED = (
    # memory and strings
    "mem*", "str*", "malloc", "calloc", "realloc", "free", "qsort", "bsearch",
    "snprintf", "vsnprintf", "__ctype_*_loc", "inet_pton", "inet_ntop",
    # what compilers add
    "__stack_chk_fail", "__assert_fail", "_GLOBAL_OFFSET_TABLE_", "__*_chk",
    # jansson on memory
    "json_*", "jsonp_*",
)
DENIED = ("json_load_file", "json_loadf*", "json_load_callback", "json_dump_file", "json_dumpf*",
          "strerror*", "strtok*", "strcpy", "strcat", "strdup", "strftime", "strptime",
          "__*printf_chk", "__strcpy_chk", "__strcat_chk", "__read_chk", "__recv*_chk")
EXCEPTIONS = ("__snprintf_chk", "__vsnprintf_chk")


def any_of(patterns, name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def is_allowed(name):
    if name in EXCEPTIONS:
        return True
    return any_of(ALLOWED, name) and not any_of(DENIED, name)


def check(build):
    unbuilt = [archive(build, layer) for layer in CORE if not os.path.exists(archive(build, layer))]
    if unbuilt:
        yield f"not built: {' '.join(unbuilt)}"
        return
    found = {layer: list(symbols(build, layer)) for layer in CORE}
    own = {name for layer in CORE for _, kind, name in found[layer] if kind not in "Uw"}
    for layer in CORE:
        for place, kind, name in found[layer]:
            if kind in "Uw" and name not in own and not is_allowed(name):
                yield f"harness/{layer}: {place} needs {name}"
