# SPDX-License-Identifier: MIT
"""every source says its licence in its first lines"""

from source import files, text

ENDINGS = (".c", ".h", ".def", ".py", ".sh", ".cmake")
SCRIPTS = ("ci/demo", "ci/test", "ci/bench", "ci/san")


def check(_build):
    for path in [*files("harness", "fuzz", "ci", ending=ENDINGS), *SCRIPTS]:
        start = "\n".join(text(path).splitlines()[:4])
        if text(path).strip() and "SPDX-License-Identifier: MIT" not in start:
            yield f"{path}: no SPDX line"
