# SPDX-License-Identifier: MIT
"""skips.py ALLOWED JUNIT...: no test may be skipped unless ALLOWED lists it with a reason.

ALLOWED holds `test id | reason` lines. A JUnit file without a test is an error: the runner collected
nothing. Skips inside a cmocka program count by the name program::test.
"""

import re
import sys
import xml.etree.ElementTree as ET

CMOCKA_SKIP = re.compile(r"^\[  SKIPPED \] (\w+)$", re.MULTILINE)


def allowed(path):
    """{test id: reason}; a line without a reason is an error."""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, reason = (part.strip() for part in line.partition("|"))
            if not reason:
                raise SystemExit(f"{path}:{number}: no reason (test id | reason)")
            found[name] = reason
    return found


def identity(case):
    """ctest: the name. pytest: file::name."""
    group = case.get("classname", "")
    if group in ("", case.get("name")):
        return case.get("name")
    return f"{group.split('.')[-1]}.py::{case.get('name')}"


def skipped(path):
    """(number of tests, {test id: what the test said}) of one JUnit file."""
    cases = list(ET.parse(path).getroot().iter("testcase"))
    found = {}
    for case in cases:
        note = case.find("skipped")
        if note is not None or case.get("status") in ("disabled", "notrun"):
            found[identity(case)] = "" if note is None else note.get("message", "")
        for name in CMOCKA_SKIP.findall(case.findtext("system-out") or ""):
            found[f"{identity(case)}::{name}"] = "skip() inside"
    return len(cases), found


def main(argv):
    listed = allowed(argv[0])
    bad = 0
    for path in argv[1:]:
        count, found = skipped(path)
        refused = {name: why for name, why in found.items() if name not in listed}
        print(f"{path}: {count} tests, {len(found)} skipped, {len(refused)} of them not listed")
        for name, why in refused.items():
            print(f"     {name} | {why}")
        bad += len(refused) + (count == 0)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
