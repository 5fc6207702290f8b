# SPDX-License-Identifier: MIT
"""every global name of base and wire begins with drill_: they are linked into other programs"""

import os

from source import archive, symbols


def check(build):
    for layer in ("base", "wire"):
        if not os.path.exists(archive(build, layer)):
            yield f"{archive(build, layer)} is not built"
            continue
        for place, kind, name in symbols(build, layer):
            if kind.isupper() and kind != "U" and not name.startswith("drill_"):
                yield f"harness/{layer}: {place} defines {name}"
